#!/bin/bash
# Clients that know nothing of us, against a server of the samples: grpcio by reflection, curl, openapi-spec-validator, schemathesis
# (stateless, with its seed printed). They come from PyPI into the cache folder; without them the checks are skipped, loudly.
# Needs SENSORIUM_BIN. SEED and EXAMPLES set what schemathesis tries.
set -euo pipefail

: "${SENSORIUM_BIN:?set by make test-clients}"
here=$(cd "$(dirname "$0")" && pwd)
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sensorium}
venv=$cache/clients-venv
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}

"$here/venv.sh" "$venv" "$here/clients.txt" grpcio grpcio-reflection protobuf schemathesis openapi-spec-validator || {
    printf '\n*** client tests SKIPPED: PyPI gave no packages\n\n' >&2
    exit 0
}
work=$(mktemp -d)
export SENSORIUM_DATA=$work/data
"$SENSORIUM_BIN" index "$here/../samples" >/dev/null 2>&1
"$SENSORIUM_BIN" serve --listen 127.0.0.1:0 --json >"$work/ready" 2>"$work/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$work"' EXIT
until [ -s "$work/ready" ]; do
    kill -0 $server
    sleep 0.1
done
address=$(sed -E 's/.*"address":"([^"]*)".*/\1/' "$work/ready")
url=http://$address

"$venv/bin/python" "$here/clients.py" "$address"

curl --fail --silent --show-error "$url/v1/query" -H 'content-type: application/json' \
    -d '{"terms":[{"text":"a dog on the grass"}],"limit":1}' | grep -q dog_on_grass.jpg
curl --fail --silent --show-error -F "file=@$here/../samples/texts/cats.txt" "$url/v1/ingest" | grep -q ITEM_STATE_
echo "curl: a query and a form answer"

curl --fail --silent --show-error -o "$work/openapi.json" "$url/openapi.json"
"$venv/bin/python" -m openapi_spec_validator "$work/openapi.json"

echo "schemathesis: seed $seed"
# Streams that end when their client leaves, or walk folders, are asked above and in the tests of the server.
# It keeps what it tried in the folder that it runs in.
cd "$work"
"$venv/bin/schemathesis" run "$url/openapi.json" --seed="$seed" --max-examples="${EXAMPLES:-20}" \
    --phases=examples,coverage,fuzzing --exclude-path-regex '/v1/(watch|index_paths)$' \
    --checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
kill -0 $server
