#!/bin/bash
# Makes a virtual environment once: venv.sh FOLDER REQUIREMENTS NAME... [-- PIP_OPTION...]
# The packages are those lines of REQUIREMENTS, pinned, that have these NAMEs. It is made anew when they change.
set -eu

folder=$1 requirements=$2
shift 2
wanted=()
while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
    line=$(grep -m 1 "^$1==" "$requirements") || {
        echo "$requirements pins no $1" >&2
        exit 1
    }
    wanted+=("$line")
    shift
done
[ "$#" -eq 0 ] || shift
note=$folder/packages
if [ "$(cat "$note" 2>/dev/null)" = "${wanted[*]}" ]; then
    exit 0
fi
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
python3 -m venv "$folder" >&2 || {
    echo "python3 makes no virtual environment (on Debian: apt-get install python3-venv)" >&2
    rm -rf "$folder"
    exit 1
}
"$folder/bin/python" -m pip install --quiet --only-binary :all: "$@" "${wanted[@]}" >&2 || {
    echo "pip could not install ${wanted[*]}" >&2
    rm -rf "$folder"
    exit 1
}
echo "${wanted[*]}" >"$note"
