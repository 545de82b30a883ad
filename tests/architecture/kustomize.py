"""Renders the kustomizations in deploy/ without kustomize: the features they use, and no others.

1. A key of a kustomization that is not known here is an error, so nothing is left out silently.
2. Where kubectl is on the PATH, a test holds this against `kubectl kustomize`; generated names differ by their hash only.
"""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
_KNOWN = {"apiVersion", "kind", "namespace", "labels", "resources", "configMapGenerator", "patches", "images"}
#: By which key the items of a list are the same item, as Kubernetes merges pods.
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "ports": "containerPort",
}
_CLUSTER_WIDE = {"Namespace"}


def render(folder: Path) -> list[Object]:
    """Return the objects of a kustomization in `folder`; generated ConfigMaps keep their plain names."""
    document = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    unknown = set(document) - _KNOWN
    assert not unknown, f"{folder}: this renderer does not know {sorted(unknown)}"
    objects = [each for name in document.get("resources", ()) for each in _resource(folder / name)]
    for generator in document.get("configMapGenerator", ()):
        _generate(objects, generator, folder)
    for patch in document.get("patches", ()):
        change = yaml.safe_load((folder / patch["path"]).read_text("utf-8"))
        for target in _selected(objects, patch["target"]):
            _merge(target, {key: value for key, value in change.items() if key != "metadata"})
    for each in objects:
        _place(each, document.get("namespace"))
        for label in document.get("labels", ()):
            _label(each, label)
    for pod in (pod for each in objects if (pod := pod_of(each)) is not None):
        for image in document.get("images", ()):
            _rename(pod, image)
    return objects


def pod_of(each: Object) -> Object | None:
    """Return the pod's specification of an object that has one."""
    template: Object = each.get("spec", {}).get("template", {})
    return template.get("spec")


def containers_of(pod: Object) -> list[Object]:
    """Return every container of a pod, those that run first included."""
    return [*pod.get("initContainers", ()), *pod["containers"]]


def _resource(path: Path) -> list[Object]:
    if path.is_dir():
        return render(path)
    return [copy.deepcopy(each) for each in yaml.safe_load_all(path.read_text("utf-8"))]


def _generate(objects: list[Object], generator: Object, folder: Path) -> None:
    data = dict(line.split("=", 1) for line in generator.get("literals", ()))
    data |= {Path(name).name: (folder / name).read_text("utf-8") for name in generator.get("files", ())}
    if generator.get("behavior") == "merge":
        (existing,) = _selected(objects, {"kind": "ConfigMap", "name": generator["name"]})
        existing["data"] |= data
    else:
        objects.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": data}
        )


def _selected(objects: Iterable[Object], target: Object) -> list[Object]:
    wanted = dict([target["labelSelector"].split("=")]) if "labelSelector" in target else {}
    found = [
        each
        for each in objects
        if each["kind"] == target["kind"]
        and each["metadata"]["name"] == target.get("name", each["metadata"]["name"])
        and wanted.items() <= each["metadata"].get("labels", {}).items()
    ]
    assert found, f"nothing is patched: {target}"
    return found


def _merge(into: Object, change: Object) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif isinstance(value, list) and isinstance(into.get(key), list) and key in _MERGE_KEYS:
            _merge_items(into[key], value, _MERGE_KEYS[key])
        else:
            into[key] = copy.deepcopy(value)


def _merge_items(into: list[Object], changes: list[Object], by: str) -> None:
    for change in changes:
        same = next((item for item in into if item[by] == change[by]), None)
        if same is None:
            into.append(copy.deepcopy(change))
        else:
            _merge(same, change)


def _place(each: Object, namespace: str | None) -> None:
    if namespace and each["kind"] not in _CLUSTER_WIDE:
        each["metadata"]["namespace"] = namespace


def _label(each: Object, label: Object) -> None:
    places = [each["metadata"]]
    if label.get("includeTemplates") and pod_of(each) is not None:
        places.append(each["spec"]["template"]["metadata"])
    for place in places:
        place["labels"] = {**place.get("labels", {}), **label["pairs"]}


def _rename(pod: Object, image: Object) -> None:
    for container in containers_of(pod):
        name, _, tag = container["image"].partition(":")
        if name == image["name"]:
            tag = image.get("newTag", tag)
            container["image"] = image.get("newName", name) + (f":{tag}" if tag else "")
