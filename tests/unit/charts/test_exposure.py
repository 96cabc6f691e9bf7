"""How people reach the platform, and where TLS ends."""

from __future__ import annotations

import pytest

from tests.unit.charts.rendering import (
    GATEWAY,
    INGRESS_EACH,
    KIND,
    LOAD_BALANCER,
    MODES,
    NAMESPACE,
    WILDCARD_INGRESS,
    Rendered,
    merged,
    platform,
)

HOSTNAMES = "external-dns.alpha.kubernetes.io/hostname"


def node_ports(rendered: Rendered) -> dict[int, int]:
    """Return the ports of the node by NGINX's own."""
    ports = rendered.container("edge", "nginx")["ports"]
    return {port["containerPort"]: port["hostPort"] for port in ports if "hostPort" in port}


def tls_secret_of_edge(rendered: Rendered) -> str | None:
    """Return the Secret whose certificate NGINX serves."""
    spec = rendered.pods()["edge"]["spec"]
    mounts = {mount["mountPath"]: mount["name"] for mount in rendered.container("edge", "nginx")["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    name = mounts.get("/etc/vibecode/tls")
    return None if name is None else str(volumes[name]["secret"]["secretName"])


def service_ports(rendered: Rendered) -> dict[str, int]:
    """Return the ports of the edge's Service by name."""
    return {port["name"]: port["port"] for port in rendered.one("Service", "edge")["spec"]["ports"]}


def test_the_edge_takes_the_ports_of_its_node() -> None:
    rendered = platform(KIND)
    assert rendered.one("DaemonSet", "edge")
    assert node_ports(rendered) == {8080: 80, 8443: 443}
    spec = rendered.pods()["edge"]["spec"]
    assert spec["nodeSelector"] == {"ingress-ready": "true"}
    assert spec["tolerations"] == [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    assert tls_secret_of_edge(rendered) == "vibecode-tls"
    assert not rendered.of("Ingress")


def test_ports_of_the_node_can_be_others() -> None:
    assert node_ports(platform(merged(KIND, {"edge": {"hostPorts": {"http": 8081, "https": 8444}}}))) == {
        8080: 8081,
        8443: 8444,
    }


def test_a_deployment_on_ports_of_the_node_makes_room_first() -> None:
    rendered = platform(merged(KIND, {"edge": {"kind": "Deployment", "replicas": 3}}))
    deployment = rendered.one("Deployment", "edge")["spec"]
    assert deployment["replicas"] == 3
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert "strategy" not in platform().one("Deployment", "edge")["spec"]


def test_both_schemes_are_served_and_known() -> None:
    rendered = platform(KIND)
    settings = rendered.one("ConfigMap", "control-plane")["data"]
    assert settings["VIBECODE_PUBLIC_SCHEME"] == "http"
    assert settings["VIBECODE_PUBLIC_PORT"] == "8880"
    assert settings["VIBECODE_PUBLIC_HTTPS_PORT"] == "8443"
    assert service_ports(rendered) == {"http": 80, "https": 443}
    assert rendered.env("edge", "nginx")["VIBECODE_EDGE_REDIRECT"] == "false"


def test_https_can_be_the_one_that_is_given_out() -> None:
    settings = platform(merged(KIND, {"global": {"publicScheme": "https"}})).one("ConfigMap", "control-plane")["data"]
    assert settings["VIBECODE_PUBLIC_SCHEME"] == "https"
    assert settings["VIBECODE_PUBLIC_PORT"] == "8443"
    assert "VIBECODE_PUBLIC_HTTPS_PORT" not in settings


def test_a_load_balancer_leads_to_an_edge_that_ends_tls() -> None:
    rendered = platform(LOAD_BALANCER)
    service = rendered.one("Service", "edge")
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"] == {"cloud": "one", HOSTNAMES: "code.example.org,*.ws.example.net"}
    assert service_ports(rendered) == {"http": 80, "https": 443}
    assert tls_secret_of_edge(rendered) == "vibecode-tls"
    assert not node_ports(rendered)
    env = rendered.env("edge", "nginx")
    assert (env["VIBECODE_EDGE_REDIRECT"], env["VIBECODE_EDGE_PUBLIC_HTTPS_PORT"]) == ("true", "443")
    settings = rendered.one("ConfigMap", "control-plane")["data"]
    assert (settings["VIBECODE_PUBLIC_SCHEME"], settings["VIBECODE_PUBLIC_PORT"]) == ("https", "443")
    assert "VIBECODE_PUBLIC_HTTPS_PORT" not in settings


def test_the_service_can_be_shaped() -> None:
    shape = {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "loadBalancerSourceRanges": ["198.51.100.0/24"],
        "nodePorts": {"http": 30080, "https": 30443},
    }
    spec = platform(merged(LOAD_BALANCER, {"edge": {"service": shape}})).one("Service", "edge")["spec"]
    assert spec["externalTrafficPolicy"] == "Local"
    assert spec["loadBalancerSourceRanges"] == ["198.51.100.0/24"]
    assert {port["name"]: port["nodePort"] for port in spec["ports"]} == {"http": 30080, "https": 30443}


def test_a_load_balancer_may_end_tls_itself() -> None:
    rendered = platform({"edge": {"service": {"type": "LoadBalancer"}}, "global": {"publicScheme": "https"}})
    assert tls_secret_of_edge(rendered) is None
    assert service_ports(rendered) == {"http": 80}
    assert rendered.operator_config()["addresses"]["scheme"] == "https"


def test_one_ingress_leads_every_name_to_the_edge() -> None:
    rendered = platform(WILDCARD_INGRESS)
    (ingress,) = rendered.of("Ingress")
    assert ingress["metadata"]["namespace"] == NAMESPACE
    assert ingress["metadata"]["annotations"] == {
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
        HOSTNAMES: "code.example.org,*.ws.example.net",
    }
    spec = ingress["spec"]
    assert spec["ingressClassName"] == "traefik"
    assert spec["tls"] == [{"hosts": ["code.example.org", "*.ws.example.net"], "secretName": "vibecode-tls"}]
    assert [rule["host"] for rule in spec["rules"]] == ["code.example.org", "*.ws.example.net"]
    for rule in spec["rules"]:
        (path,) = rule["http"]["paths"]
        backend = path["backend"]["service"]
        assert (path["path"], path["pathType"]) == ("/", "Prefix")
        assert backend["name"] == "edge"
        assert backend["port"]["name"] in service_ports(rendered)
    assert rendered.one("Service", "edge")["spec"]["type"] == "ClusterIP"
    assert tls_secret_of_edge(rendered) is None
    assert rendered.operator_config()["exposure"]["mode"] == "edge"


def test_behind_a_trusted_proxy_the_edge_knows_scheme_and_clients() -> None:
    env = platform(WILDCARD_INGRESS).env("edge", "nginx")
    assert env["VIBECODE_EDGE_TRUSTED_PROXIES"] == "10.0.0.0/8 fd00::/8"
    assert env["VIBECODE_EDGE_REDIRECT"] == "true"
    # Without trust X-Forwarded-Proto isn't believed, and every request would be sent on for ever.
    distrustful = platform(merged(WILDCARD_INGRESS, {"edge": {"trustedProxies": []}}))
    assert distrustful.env("edge", "nginx")["VIBECODE_EDGE_REDIRECT"] == "false"
    assert distrustful.operator_config()["addresses"]["scheme"] == "https"


def test_an_ingress_needs_no_tls_and_no_class() -> None:
    rendered = platform({"ingress": {"enabled": True}})
    (ingress,) = rendered.of("Ingress")
    assert "tls" not in ingress["spec"]
    assert "ingressClassName" not in ingress["spec"]
    assert rendered.operator_config()["addresses"]["scheme"] == "http"


def test_an_ingress_may_have_a_certificate_of_its_own() -> None:
    tls = {"enabled": True, "secretName": "wildcard"}
    (ingress,) = platform({"ingress": {"enabled": True, "tls": tls}}).of("Ingress")
    assert ingress["spec"]["tls"][0]["secretName"] == "wildcard"
    certificate = platform(merged(WILDCARD_INGRESS, {"ingress": {"tls": tls}})).one("Certificate", "vibecode")
    assert certificate["spec"]["secretName"] == "wildcard"


def test_each_workspace_can_have_an_ingress() -> None:
    rendered = platform(INGRESS_EACH)
    (ingress,) = rendered.of("Ingress")
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["code.example.org"]
    issued = {"cert-manager.io/cluster-issuer": "vibecode-letsencrypt-prod", "a.example.org/b": "c"}
    assert ingress["metadata"]["annotations"] == {**issued, HOSTNAMES: "code.example.org"}
    # The operator makes the others.
    exposure = rendered.operator_config()["exposure"]
    assert exposure == {"mode": "ingress", "ingress": {"className": "traefik", "annotations": issued, "tls": True}}
    # Each Ingress has its own certificate, by HTTP-01.
    assert not rendered.of("Certificate")
    (issuer,) = rendered.of("ClusterIssuer")
    assert issuer["spec"]["acme"]["solvers"] == [{"http01": {"ingress": {"ingressClassName": "traefik"}}}]


def test_an_issuer_of_the_namespace_is_named_as_one() -> None:
    issuer = {"issuer": "existing", "email": "", "existingIssuer": {"name": "own", "kind": "Issuer"}}
    rendered = platform(merged(INGRESS_EACH, {"tls": {"certManager": issuer}}))
    assert not rendered.of("ClusterIssuer")
    assert rendered.of("Ingress")[0]["metadata"]["annotations"]["cert-manager.io/issuer"] == "own"


def test_a_gateway_leads_every_name_to_the_edge() -> None:
    rendered = platform(GATEWAY)
    route = rendered.one("HTTPRoute", "edge")
    assert route["spec"]["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
    assert route["spec"]["hostnames"] == ["code.example.org", "*.ws.example.net"]
    (rule,) = route["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "edge", "port": service_ports(rendered)["http"]}]
    assert not rendered.of("Ingress")
    assert rendered.operator_config()["addresses"]["scheme"] == "https"


@pytest.mark.parametrize(
    ("mode", "issuer", "server"),
    [
        ("load balancer", "vibecode-letsencrypt-prod", "https://acme-v02.api.letsencrypt.org/directory"),
        (
            "wildcard ingress",
            "vibecode-letsencrypt-staging",
            "https://acme-staging-v02.api.letsencrypt.org/directory",
        ),
    ],
)
def test_cert_manager_makes_the_wildcard_certificate(mode: str, issuer: str, server: str) -> None:
    rendered = platform(MODES[mode])
    acme = rendered.one("ClusterIssuer", issuer)["spec"]["acme"]
    assert (acme["server"], acme["email"]) == (server, "admin@example.org")
    assert acme["solvers"] == [{"dns01": {"cloudDNS": {"project": "code"}}}]
    spec = rendered.one("Certificate", "vibecode")["spec"]
    assert spec["dnsNames"] == ["code.example.org", "*.ws.example.net"]
    assert spec["issuerRef"] == {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer}
    served = tls_secret_of_edge(rendered) or rendered.of("Ingress")[0]["spec"]["tls"][0]["secretName"]
    assert spec["secretName"] == served


def test_an_issuer_that_is_there_can_be_used() -> None:
    tls = {"mode": "certManager", "certManager": {"issuer": "existing", "existingIssuer": {"name": "corporate"}}}
    rendered = platform({"global": {"domain": "code.example.org"}, "tls": tls})
    assert not rendered.of("ClusterIssuer")
    reference = rendered.one("Certificate", "vibecode")["spec"]["issuerRef"]
    assert (reference["kind"], reference["name"]) == ("ClusterIssuer", "corporate")
    assert rendered.one("Certificate", "vibecode")["spec"]["dnsNames"] == ["code.example.org", "*.code.example.org"]


@pytest.mark.parametrize(("seconds", "given"), [(None, None), (0, "0"), (63072000, "63072000")])
def test_browsers_insist_on_https_as_long_as_asked(seconds: int | None, given: str | None) -> None:
    env = platform({"edge": {"hstsSeconds": seconds}}).env("edge", "nginx")
    assert env.get("VIBECODE_EDGE_HSTS") == given


def test_an_edge_gets_the_time_to_drain() -> None:
    rendered = platform({"edge": {"drainSeconds": 300}})
    for container in ("nginx", "tunnel"):
        assert rendered.env("edge", container)["VIBECODE_EDGE_DRAIN"] == "300"
        before = rendered.container("edge", container)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert rendered.pods()["edge"]["spec"]["terminationGracePeriodSeconds"] > before + 300
