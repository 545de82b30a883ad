"""The manifests in deploy/kubernetes: valid by the schemas of Kubernetes, confined, and in step with the code.

No cluster and no kustomize is needed; where kubectl is, its rendering must be the same.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from kernel.contracts.topics import DEFAULT_PREFIX
from kernel.runtime.settings import MARKET_DATA_URL, PAPER_TRADING_URL, PROJECT_ROOT
from kernel.stream.admin import TopicSettings
from kernel.stream.worker import _faust_app
from services.executor.app import build as build_executor
from services.executor.settings import ExecutorSettings
from services.selector.app import build as build_selector
from services.selector.settings import SelectorSettings
from services.sizer.app import build as build_sizer
from services.sizer.settings import SizerSettings
from tests.architecture.env_example import settings_of
from tests.architecture.kustomize import Object, containers_of, pod_of, render
from tests.architecture.parts import PARTS, STAGES

KUBERNETES = PROJECT_ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
#: The oldest a cluster may be, and the newest whose schemas are known.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
#: Written after keda.sh/docs/2.17: the ScaledObject and its Kafka trigger, as far as they are used here.
SCALED_OBJECT = yaml.safe_load((Path(__file__).parent / "scaled_object.schema.yaml").read_text("utf-8"))
#: The only container whose file system is writable: Kafka's image writes its configuration beside its code.
WRITES_ITS_IMAGE = {"kafka"}
#: Secret → its keys, as docs/how-to/run-on-kubernetes.md tells to make them.
SECRETS = {
    "alpaca": {"APCA_API_KEY_ID", "APCA_API_SECRET_KEY"},
    "postgres": {"PGPASSWORD"},
    "webhook": {"DISPATCH_WEBHOOK_TOKEN"},
}


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Path:
    return KUBERNETES / "overlays" / str(request.param)


@pytest.fixture(scope="module")
def objects(overlay: Path) -> list[Object]:
    return render(overlay)


def test_there_is_an_overlay_for_each_environment() -> None:
    assert OVERLAYS == ["local", "paper"]


def test_kubectl_renders_the_same(overlay: Path, objects: list[Object]) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not here; all other tests of this file hold for our own rendering")
    done = subprocess.run(["kubectl", "kustomize", str(overlay)], capture_output=True, text=True, check=True)
    generated = "|".join(each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap")
    text = re.sub(rf"\b({generated})-[a-z0-9]{{10}}\b", r"\1", done.stdout)
    assert _by_name(yaml.safe_load_all(text)) == _by_name(objects)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_and_has_no_field_of_its_own_invention(
    objects: list[Object], version: str
) -> None:
    for each in objects:
        if each["apiVersion"].startswith("keda.sh/"):
            jsonschema.validate(each, SCALED_OBJECT)
        else:
            kubernetes_validate.validate(each, version, strict=True)


def test_a_misspelt_field_is_noticed(objects: list[Object]) -> None:
    deployment = _one(objects, "Deployment", "selector")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {**deployment, "spec": {**deployment["spec"], "replica": 2}}, VERSIONS[0], strict=True
        )
    scaled = _one(objects, "ScaledObject", "selector")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**scaled, "spec": {**scaled["spec"], "maxReplicas": 2}}, SCALED_OBJECT)


def test_no_object_is_there_twice_and_all_are_in_one_namespace(objects: list[Object]) -> None:
    assert len(_by_name(objects)) == len(objects)
    assert {e["metadata"].get("namespace") for e in objects if e["kind"] != "Namespace"} == {"dispatch"}


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_is_a_deployment_with_an_image_of_its_own(objects: list[Object], stage: str) -> None:
    (container,) = _pod(objects, "Deployment", stage)["containers"]
    image, _, tag = container["image"].partition(":")
    assert re.split(r"[/-]", image)[-1] == stage
    assert tag not in {"", "latest"}, "a tag that moves cannot be rolled back"


def test_there_is_no_deployment_beside_the_stages_and_the_operators_hand(objects: list[Object]) -> None:
    assert {e["metadata"]["name"] for e in objects if e["kind"] == "Deployment"} == {*STAGES, "operator"}


def test_the_operators_hand_can_stop_trading_and_cannot_trade(objects: list[Object]) -> None:
    """What `dispatch halt`, `status` and `trace` need is given and reachable; the venue's keys and host are not."""
    (container,) = _pod(objects, "Deployment", "operator")["containers"]
    assert re.split(r"[/-]", container["image"].partition(":")[0])[-1] == "operator"
    assert set(_environment(objects, "operator")) == {
        "KAFKA_BOOTSTRAP_SERVERS",
        "DATABASE_URL",
        "DISPATCH_TOPIC_PREFIX",
        "PGPASSWORD",
    }
    labels = _one(objects, "Deployment", "operator")["spec"]["template"]["metadata"]["labels"]
    reached = {
        port["port"]
        for policy in (e["spec"] for e in objects if e["kind"] == "NetworkPolicy")
        if _selects(policy["podSelector"], labels)
        for rule in policy.get("egress", ())
        for port in rule["ports"]
    }
    assert reached == {53, 5432, 9092}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_probed_for_progress(objects: list[Object], stage: str) -> None:
    (container,) = _pod(objects, "Deployment", stage)["containers"]
    paths = {
        kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")
    }
    assert paths == {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"}


def test_every_pod_is_confined(objects: list[Object]) -> None:
    for pod in _pods(objects):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] >= 999
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert {kind for volume in pod.get("volumes", ()) for kind in volume} <= {
            "name",
            "configMap",
            "emptyDir",
        }


def test_every_container_is_confined_and_bounded(objects: list[Object]) -> None:
    for container in (c for pod in _pods(objects) for c in containers_of(pod)):
        name, context = container["name"], container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert context.get("readOnlyRootFilesystem") is (None if name in WRITES_ITS_IMAGE else True), name
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}, name
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name


def test_every_secret_is_referred_to_and_none_is_written_down(overlay: Path, objects: list[Object]) -> None:
    assert not [each for each in objects if each["kind"] == "Secret"]
    references = [
        (container["name"], entry["valueFrom"]["secretKeyRef"])
        for pod in _pods(objects)
        for container in containers_of(pod)
        for entry in container.get("env", ())
        if "valueFrom" in entry
    ]
    assert {(ref["name"], ref["key"]) for _, ref in references} == {
        (name, key) for name, keys in SECRETS.items() for key in keys
    }
    for file in KUBERNETES.rglob("*.yaml"):
        assert not re.search(r"postgresql://[^@\s]*:[^@\s]*@", file.read_text("utf-8")), file


def test_only_the_signals_stage_has_the_webhooks_token(objects: list[Object]) -> None:
    holders = {
        e["metadata"]["name"] for e in objects if pod_of(e) is not None and "DISPATCH_WEBHOOK_TOKEN" in str(e)
    }
    assert holders == {"signals"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_given_only_variables_it_reads(objects: list[Object], stage: str) -> None:
    given = _environment(objects, stage)
    read = {str(field.alias) for field in settings_of(stage).model_fields.values()} | {"PGPASSWORD"}
    assert set(given) <= read
    assert given["APCA_API_BASE_URL"] == PAPER_TRADING_URL
    assert given["APCA_API_DATA_URL"] == MARKET_DATA_URL
    assert given["DISPATCH_HTTP_PORT"] == "8080"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_the_strategys_numbers_where_they_are_mounted(
    objects: list[Object], stage: str
) -> None:
    pod = _pod(objects, "Deployment", stage)
    (volume,) = [v for v in pod["volumes"] if "configMap" in v]
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == volume["name"]]
    (file,) = _one(objects, "ConfigMap", volume["configMap"]["name"])["data"]
    assert f"{mount['mountPath']}/{file}" == _environment(objects, stage)["DISPATCH_PARAMS_FILE"]


CONSUMERS: dict[str, Any] = {
    "selector": lambda: build_selector(SelectorSettings()),
    "sizer": lambda: build_sizer(SizerSettings()),
    "executor": lambda: build_executor(ExecutorSettings()),
}


@pytest.mark.parametrize("stage", CONSUMERS)
def test_a_stage_is_scaled_by_the_lag_of_the_topic_it_consumes(objects: list[Object], stage: str) -> None:
    scaled = _one(objects, "ScaledObject", stage)["spec"]
    (trigger,) = scaled["triggers"]
    assert scaled["scaleTargetRef"] == {"name": stage}
    assert trigger["metadata"]["topic"] == CONSUMERS[stage]().consumes.full_name(DEFAULT_PREFIX)
    assert trigger["metadata"]["consumerGroup"] == _faust_app(stage, DEFAULT_PREFIX, "127.0.0.1:9092").conf.id
    assert trigger["metadata"]["bootstrapServersFromEnv"] in _environment(objects, stage)
    assert _environment(objects, stage)["DISPATCH_TOPIC_PREFIX"] == DEFAULT_PREFIX


@pytest.mark.parametrize("stage", CONSUMERS)
def test_no_more_pods_than_partitions_and_an_apply_does_not_reset_their_number(
    objects: list[Object], stage: str
) -> None:
    scaled = _one(objects, "ScaledObject", stage)["spec"]
    topics = _one(objects, "Job", "prepare")["spec"]["template"]["spec"]["initContainers"][0]["args"]
    partitions = int(topics[topics.index("--partitions") + 1])
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, partitions)
    assert partitions == TopicSettings().partitions
    assert "replicas" not in _one(objects, "Deployment", stage)["spec"]


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment"])
def test_a_selector_selects_a_pod_that_exists(objects: list[Object], kind: str) -> None:
    labels = [e["spec"]["template"]["metadata"]["labels"] for e in objects if pod_of(e) is not None]
    for each in (e for e in objects if e["kind"] == kind):
        selector = each["spec"].get("podSelector", each["spec"].get("selector", {}))
        wanted = selector.get("matchLabels", selector if kind == "Service" else {})
        assert any(wanted.items() <= known.items() for known in labels), each["metadata"]["name"]


def test_nothing_comes_in_or_goes_out_unless_a_policy_says_so(objects: list[Object]) -> None:
    policies = [e["spec"] for e in objects if e["kind"] == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    to_the_world = [p for p in policies if "ipBlock" in str(p.get("egress"))]
    (venue,) = to_the_world
    assert venue["podSelector"] == {"matchLabels": {"app.kubernetes.io/component": "stage"}}
    assert [port["port"] for rule in venue["egress"] for port in rule["ports"]] == [443]


def test_every_image_of_ours_is_one_the_dockerfile_makes(objects: list[Object]) -> None:
    ours = {c["image"] for p in _pods(objects) for c in containers_of(p)} - {
        "apache/kafka:4.1.0",
        "postgres:18",
    }
    assert {re.split(r"[/-]", image.partition(":")[0])[-1] for image in ours} == set(PARTS) - {"simulator"}


def test_local_servers_are_the_images_of_the_compose_file() -> None:
    composed = (PROJECT_ROOT / "docker-compose.yml").read_text("utf-8")
    local = render(KUBERNETES / "overlays" / "local")
    for server in ("kafka", "postgres"):
        (container,) = _pod(local, "StatefulSet", server)["containers"]
        assert f"image: {container['image']}\n" in composed


def _pod(objects: list[Object], kind: str, name: str) -> Object:
    pod = pod_of(_one(objects, kind, name))
    assert pod is not None
    return pod


def _pods(objects: list[Object]) -> list[Object]:
    return [pod for each in objects if (pod := pod_of(each)) is not None]


def _one(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    expressions = selector.get("matchExpressions", ())
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def _by_name(objects: Any) -> dict[tuple[str, str], Object]:
    return {(each["kind"], each["metadata"]["name"]): _sorted(each) for each in objects}


def _sorted(value: Any) -> Any:
    """Return a value whose lists of named items are in one order: renderers put patched items before or after."""
    if isinstance(value, dict):
        return {key: _sorted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return (
            sorted((_sorted(item) for item in value), key=_text)
            if _named(value)
            else [_sorted(i) for i in value]
        )
    return value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _named(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and ("name" in item or "mountPath" in item) for item in items)


def _environment(objects: list[Object], stage: str) -> dict[str, str]:
    """Return variable → value of a stage's container; a secret's value is its reference."""
    (container,) = _pod(objects, "Deployment", stage)["containers"]
    given: dict[str, str] = {}
    for source in container["envFrom"]:
        given |= _one(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    return given | {entry["name"]: entry.get("value", "") for entry in container["env"]}
