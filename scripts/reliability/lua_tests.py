#!/usr/bin/env python3
"""Fetches the official tests of Lua 5.4.4 into a folder.

    scripts/reliability/lua_tests.py out/reliability/lua-5.4.4-tests

The source of lupa 2.0 on PyPI has the files of www.lua.org/tests beside the Lua it binds. The archive must have
the sum given below.
"""

import hashlib
import io
import pathlib
import re
import sys
import tarfile
import urllib.parse
import urllib.request

SUM = "ad3fef486be7adddd349fe9a9c393789061312cf98ebc533b489be34f484cb79"
INDEX = "https://pypi.org/simple/lupa/"
INSIDE = "lupa-2.0/third-party/lua54/testes/"


def archive():
    """The bytes of lupa-2.0.tar.gz."""
    page = urllib.request.urlopen(INDEX, timeout=60).read().decode()
    link = re.search(r'href="([^"#]*lupa-2\.0\.tar\.gz)', page)
    if not link:
        sys.exit("lua_tests: " + INDEX + " has no lupa-2.0.tar.gz")
    data = urllib.request.urlopen(urllib.parse.urljoin(INDEX, link[1]), timeout=180).read()
    if hashlib.sha256(data).hexdigest() != SUM:
        sys.exit("lua_tests: " + link[1] + " has another sum than " + SUM)
    return data


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: lua_tests.py FOLDER")
    folder = pathlib.Path(sys.argv[1])
    part = folder.with_name(folder.name + ".part")
    with tarfile.open(fileobj=io.BytesIO(archive())) as files:
        for member in files:
            if member.isfile() and member.name.startswith(INSIDE):
                path = part / member.name[len(INSIDE):]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(files.extractfile(member).read())
    part.rename(folder)


try:
    main()
except OSError as problem:
    sys.exit(f"lua_tests: {problem}")
