"""``vibecode up`` for Kubernetes, step by step. Each step looks first whether it is done already."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from vibecode.cluster import access, certificates, docker, kind, nodes, platform, ports, rollout, tools
from vibecode.cluster.access import Access
from vibecode.cluster.assets import asset
from vibecode.cluster.errors import ClusterUnavailable
from vibecode.cluster.helm import Helm
from vibecode.cluster.images import build_all, load_all
from vibecode.cluster.kubectl import Kubectl
from vibecode.cluster.platform import PublicAddress
from vibecode.cluster.ports import HostPorts
from vibecode.cluster.progress import Progress, Step
from vibecode.cluster.state import NAMESPACE, ClusterFolder, State
from vibecode.cluster.tools import Tools
from vibecode.runtimes.local.layout import DataFolder
from vibecode.settings import Settings

_PORT_TRIES: Final = 3
_ANSWER_LIMIT: Final = 90.0
"""Seconds within which the dashboard has to answer once everything runs."""

COMPONENTS: Final = frozenset({"control-plane", "operator", "edge"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A platform that answers."""

    access: Access
    address: PublicAddress
    created: bool
    """Whether the cluster was made just now."""
    new_authority: bool
    """Whether the certificate authority was."""


class BringUp:
    """Brings a cluster up.

    Parameters
    ----------
    settings
        Of whoever runs it. VIBECODE_HOST is the address of this machine that the edge is reached at.
    cluster
        Name of the cluster, if the user gave one.
    progress
        Shows the steps.
    """

    def __init__(self, settings: Settings, *, cluster: str | None, progress: Progress) -> None:
        self._settings = settings
        self._asked = cluster
        self._progress = progress
        self._folder = ClusterFolder(settings.data_dir)
        self._created = False

    def run(self) -> Running:
        """Do all steps.

        Raises
        ------
        VibeCodeError
            One failed; the sentence says which, why, and what to do. Run again, it goes on there.
        """
        DataFolder(self._settings.data_dir).prepare()
        self._folder.prepare()
        with self._folder.lock(
            lambda: self._progress.note("Another command works on this cluster: waiting for it to end …")
        ):
            name = kind.check_name(self._folder.require(self._asked))
            found = self._tools()
            kubectl = Kubectl(found.kubectl, self._folder.kubeconfig)
            state, host_ports = self._cluster(found, kubectl, name)
            address = platform.public_address(self._settings, host_ports)
            references = self._bring_images(kubectl)
            new_authority = self._install(found, kubectl, state, address, references)
            self._wait(kubectl)
            reached = access.write(self._folder, name, address)
            self._answers(kubectl, reached)
        return Running(access=reached, address=address, created=self._created, new_authority=new_authority)

    def _tools(self) -> Tools:
        with self._progress.step("Tools") as step:
            found = tools.find_all()
            self._facts = docker.facts(found.docker)
            step.done(f"Docker {self._facts.version}, {found.words()}")
        return found

    def _cluster(self, found: Tools, kubectl: Kubectl, name: str) -> tuple[State, HostPorts]:
        """Make the cluster or start it, whichever is needed."""
        with self._progress.step(f"Cluster {name}") as step:
            state = self._folder.read()
            containers = docker.nodes(found.docker, name)
            match kind.condition(containers, state, mark=self._folder.mark):
                case kind.Condition.FOREIGN:
                    raise ClusterUnavailable(
                        f"There is a cluster {name} already, which was not made with this data folder: name another "
                        f"with --name, or delete it (`kind delete cluster --name {name}`)."
                    )
                case kind.Condition.ABSENT | kind.Condition.HALF_MADE:
                    if containers:
                        step.now("removing what an interrupted run left")
                        kind.delete(found, self._folder, name)
                    state = self._create(found, name, step)
                    since = None
                case kind.Condition.STOPPED:
                    self._folder.remember_runtime("kubernetes")
                    step.now("starting its nodes")
                    since = datetime.now(UTC)
                    docker.start(found.docker, [node for node in containers if not node.running])
                case _:
                    self._folder.remember_runtime("kubernetes")
                    since = None
            if state is None:  # only a cluster that is ours comes here
                raise ClusterUnavailable(f"{self._folder.root} was changed meanwhile: run the same command again.")
            containers = docker.nodes(found.docker, name)
            kind.write_kubeconfig(found, self._folder, name)
            nodes.wait(kubectl, len(containers), step.now, since=since)
            word = "made" if self._created else "started" if since else "runs"
            step.done(f"{word}, {len(containers)} nodes")
        self._tell_skew(found, kubectl)
        return state, kind.ports_of(containers)

    def _create(self, found: Tools, name: str, step: Step) -> State:
        problem = docker.room_problem(self._facts)
        if problem:
            raise ClusterUnavailable(problem)
        least = ports.least_port(rootless=self._facts.rootless)
        address = "127.0.0.1" if self._settings.host == "localhost" else self._settings.host
        taken: set[int] = set()
        while True:
            chosen = ports.choose(address, least=least, without=taken)
            announcement = ports.words(chosen)
            if announcement:
                self._progress.note(announcement)
            # Both before there is anything: whatever comes between, `down` and `status` know what to look for.
            self._folder.write(State(cluster=name, stage="creating"))
            self._folder.remember_runtime("kubernetes")
            try:
                kind.create(found, self._folder, name, chosen, step.now)
                break
            except kind.PortTaken:
                kind.delete(found, self._folder, name)
                taken |= {port for port in (chosen.http, chosen.https) if not ports.is_port_free(address, port)}
                taken = taken or {chosen.http, chosen.https}
                if len(taken) > _PORT_TRIES * 2:
                    raise
        self._created = True
        return self._folder.write(State(cluster=name, stage="created", node=docker.nodes(found.docker, name)[0].id))

    def _tell_skew(self, found: Tools, kubectl: Kubectl) -> None:
        if not self._created:
            return
        server = kubectl.server_version()
        client = next(tool.version for tool in found.versions if tool.name == "kubectl")
        problem = tools.skew_problem(client, server) if server else None
        if problem:
            self._progress.note(problem)

    def _bring_images(self, kubectl: Kubectl) -> Mapping[str, str]:
        with self._progress.step("Images") as step:
            images = build_all(step.now)
            step.done(f"{', '.join(images.new)} built" if images.new else "there already")
        with self._progress.step("Images on the nodes") as step:
            present = nodes.look(kubectl)
            where = {name: _matching(present, selectors) for name, selectors in platform.NODES_OF_IMAGE.items()}
            sent = load_all(images, where, step.now)
            step.done(f"{sent / 1e6:.0f} MB loaded" if sent else "there already")
        return images.references

    def _install(
        self,
        found: Tools,
        kubectl: Kubectl,
        state: State,
        address: PublicAddress,
        references: Mapping[str, str],
    ) -> bool:
        """Install the release if anything of it changed; return whether the certificate authority is new."""
        with self._progress.step("Platform") as step:
            settings = self._settings
            pair = certificates.ensure(self._folder, [settings.domain, settings.workspace_domain or settings.domain])
            values = platform.chart_values(settings, address, references)
            first = platform.first_objects(pair)
            chart = asset(platform.CHART)
            wanted = platform.fingerprint(chart, values, *first)
            helm = Helm(found.helm, self._folder.kubeconfig, NAMESPACE)
            present = {each.name for each in rollout.workloads(kubectl, NAMESPACE)}
            if state.release == wanted and present >= COMPONENTS and helm.status() == "deployed":
                step.done("unchanged")
                return pair.new_authority
            kubectl.apply(*first)
            self._folder.write_private(self._folder.values, platform.as_text(values))
            helm.upgrade(chart, self._folder.values, step.now)
            self._folder.change(state, release=wanted)
            step.done("installed" if not state.release else "brought up to date")
        return pair.new_authority

    def _wait(self, kubectl: Kubectl) -> None:
        with self._progress.step("Components") as step:
            ready = rollout.wait(kubectl, NAMESPACE, step.now)
            step.done(f"{', '.join(sorted(each.name for each in ready))} ready")

    def _answers(self, kubectl: Kubectl, reached: Access) -> None:
        """Wait until the dashboard answers through the edge, and take the command line's token."""
        with self._progress.step("Dashboard") as step:
            deadline = time.monotonic() + _ANSWER_LIMIT
            while True:
                problem = access.problem(reached)
                if problem is None:
                    try:
                        access.fetch_token(self._folder, kubectl)
                        break
                    except ClusterUnavailable as error:
                        problem = error.detail
                step.now(f"waiting for {reached.url}")
                if time.monotonic() > deadline:
                    raise ClusterUnavailable(f"{reached.url} does not answer as it should: {problem}")
                time.sleep(0.5)
            step.done(f"answers at {reached.url}")


def _matching(found: Sequence[nodes.NodeState], selectors: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the names of the nodes that one of the selectors matches."""
    return [node.name for node in found if any(selector.items() <= node.labels.items() for selector in selectors)]
