"""Templates: what a new workspace can be made from."""

from vibecode.templates.library import BUILTIN, Template, TemplateLibrary

__all__ = ["BUILTIN", "Template", "TemplateLibrary"]
