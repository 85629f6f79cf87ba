"""Lints the Helm chart, renders it with several values, and compares what comes with Kubernetes' schemas: lint_chart.py CHART

Run by `make lint-deploy`, in an environment with helm-python-sdk and kubernetes-validate.
"""

import sys

import helm_python
import yaml
from kubernetes_validate import validate

VERSIONS = ["1.29", "1.37"]
# Every switch once each way.
CASES = {
    "defaults": {},
    "TLS": {"tls": {"existingSecret": "tls"}, "service": {"type": "LoadBalancer", "port": 443}},
    "clients with certificates": {"tls": {"existingSecret": "tls", "clientCaKey": "ca.crt"}},
    "everything": {
        "basePath": "/media",
        "allowHosts": ["media.example.org"],
        "args": ["--jobs", "2"],
        "media": [{"name": "photos", "existingClaim": "photos"}],
        "persistence": {"existingClaim": "data"},
        "imagePullSecrets": [{"name": "registry"}],
        "serviceMonitor": {"enabled": True, "authorizationSecret": {"name": "keys", "key": "metrics-key"}},
        "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]},
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "high",
    },
    "nothing extra": {"podDisruptionBudget": {"enabled": False}, "networkPolicy": {"enabled": False}},
}
# What the schema of values must refuse.
WRONG = {
    "two replicas": {"replicas": 2},
    "a port out of range": {"service": {"port": 70000}},
    "a size without sense": {"persistence": {"size": "much"}},
    "a base path without its slash": {"basePath": "media"},
    "a budget of two": {"podDisruptionBudget": {"maxUnavailable": 2}},
}
# As lint counts; below it are recommendations (an icon).
WARNING = 2
# Not of Kubernetes itself, so without a schema there.
CUSTOM = {"ServiceMonitor"}


def main(path):
    problems = []
    report = helm_python.lint(path, strict=True)
    for message in report["messages"]:
        if message["severity"] < WARNING:
            continue
        problems.append(f"lint: {message}")
    chart = helm_python.Chart.load(path)
    seen = set()
    for name, values in CASES.items():
        rendered = chart.render(values=values, name="demo")
        for template, text in rendered.items():
            if not template.endswith(".yaml"):
                continue
            for thing in filter(None, yaml.safe_load_all(text)):
                seen.add(thing["kind"])
                if thing["kind"] in CUSTOM:
                    continue
                for version in VERSIONS:
                    try:
                        validate(thing, version, strict=True)
                    except Exception as error:  # whatever it is, it names the field
                        problems.append(f"{name}, {template}, Kubernetes {version}: {error}")
        hardened(name, rendered, problems)
    for name, values in WRONG.items():
        try:
            chart.render(values=values, name="demo")
            problems.append(f"values that should be refused are taken: {name}")
        except Exception:
            pass
    expected = {"StatefulSet", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"}
    if seen != expected:
        problems.append(f"kinds: {sorted(seen ^ expected)}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def hardened(name, rendered, problems):
    """What must hold of every container, with any values."""
    text = next(text for template, text in rendered.items() if template.endswith("statefulset.yaml"))
    pod = yaml.safe_load(text)["spec"]["template"]["spec"]
    for container in pod["containers"] + pod["initContainers"]:
        security = container["securityContext"]
        held = security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
        if not held or security["capabilities"]["drop"] != ["ALL"] or not pod["securityContext"]["runAsNonRoot"]:
            problems.append(f"{name}: container {container['name']} is not shut in")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
