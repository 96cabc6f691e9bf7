"""Templates, the server's state, and the stream of changes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent

from vibecode import __version__
from vibecode.domain.workspace import Phase
from vibecode.web.dependencies import CallerDependency, ServicesDependency
from vibecode.web.routers.workspaces import stream_workspaces
from vibecode.web.schemas.system import EditorState, System, Template, TemplateList, TemplateParameter, WorkspaceCounts

router = APIRouter(tags=["system"])


@router.get("/events", response_class=EventSourceResponse)
async def stream_events(caller: CallerDependency, services: ServicesDependency) -> AsyncIterator[ServerSentEvent]:
    """Stream the caller's workspaces: `workspace` for each, `ready`, then `workspace` or `removed` for each change."""
    async for event in stream_workspaces(caller, services):
        yield event


@router.get("/templates")
async def list_templates(_caller: CallerDependency, services: ServicesDependency) -> TemplateList:
    """List what a workspace can be made from."""
    return TemplateList(
        items=[
            Template(
                name=template.name,
                title=template.title,
                description=template.description,
                extensions=list(template.extensions),
                parameters=[
                    TemplateParameter(
                        name=parameter.name,
                        title=parameter.title,
                        description=parameter.description,
                        type=parameter.type,
                        default=parameter.default,
                        choices=list(parameter.choices),
                        pattern=parameter.pattern,
                        required=parameter.required,
                    )
                    for parameter in template.parameters
                ],
            )
            for template in services.templates.list()
        ],
        errors=list(services.templates.errors()),
    )


@router.get("/system")
async def get_system(caller: CallerDependency, services: ServicesDependency) -> System:
    """Show the server's state; the numbers of workspaces are those that the caller may see."""
    current, installed = services.editors.versions()
    workspaces = await services.workspaces.list(caller.user)
    return System(
        version=__version__,
        runtime=services.runtime,
        url=services.addresses().dashboard + "/",
        editor=EditorState(current=current, installed=installed),
        started_at=services.started_at,
        workspaces=WorkspaceCounts(
            running=sum(workspace.phase is Phase.RUNNING for workspace in workspaces), total=len(workspaces)
        ),
    )
