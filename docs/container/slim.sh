#!/bin/sh
# Takes from a virtual environment what the service never loads; what is left still runs.
# usage: slim.sh VENV
set -eu

cd "$1"/lib/python3.*/site-packages

# Of torch: its tests, headers, compilers, and the symbols that only a debugger reads. It does not
# start without its manager of shared memory.
rm -rf torch/test torch/include torch/share
find torch/bin -type f ! -name torch_shm_manager -delete
if command -v strip >/dev/null; then
    find torch/lib -name '*.so' -exec strip --strip-unneeded {} +
fi

# facenet-pytorch asks for it, and is here for its weights alone; neither is imported.
rm -rf torchvision torchvision.libs

# Tests of libraries, tools of the build, and bytecode of what may never be loaded.
for library in hdbscan matplotlib numpy scipy sklearn sympy; do
    find "$library" -depth -type d -name tests -exec rm -rf {} +
done
rm -rf pip pip-*.dist-info setuptools pkg_resources _distutils_hack distutils-precedence.pth
find . -depth -type d -name __pycache__ -exec rm -rf {} +
