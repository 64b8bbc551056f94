"""The magics of files, folders and the environment."""

import datetime
import os
import shlex
import sys

from . import magic, namespace


@magic.line("pwd")
def _pwd(_line):
    return os.getcwd()


@magic.line("cd")
def _cd(line):
    quiet = line.startswith("-q")
    target = line.removeprefix("-q").strip().strip("'\"")
    visited = namespace.variables.setdefault("_dh", [])
    if target == "-":
        if not visited:
            raise magic.UsageError("%cd -: No previous directory to change to.")
        target = visited[-1]
    before = os.getcwd()
    try:
        os.chdir(os.path.expanduser(target or "~"))
    except OSError as error:
        print(error)
    else:
        visited.append(before)
    if not quiet:
        print(os.getcwd())


@magic.line("ls", "ll", "lf")
def _ls(line):
    words = shlex.split(line)
    flags = "".join(word[1:] for word in words if word.startswith("-"))
    places = [word for word in words if not word.startswith("-")] or ["."]
    for place in places:
        if not os.path.lexists(place):
            print(f"ls: cannot access '{place}': No such file or directory", file=sys.stderr)
            continue
        folder = place if os.path.isdir(place) and "d" not in flags else None
        if folder is not None and len(places) > 1:
            print(f"{place}:")
        names = sorted(os.listdir(folder)) if folder else [place]
        for name in names:
            if "a" in flags or folder is None or not name.startswith("."):
                print(_listed(os.path.join(folder or "", name), name, "l" in flags))


def _listed(path, name, is_long):
    entry = os.lstat(path)
    name += "/" if os.path.isdir(path) and not name.endswith("/") else ""
    if not is_long:
        return name
    modified = datetime.datetime.fromtimestamp(entry.st_mtime)
    return f"{entry.st_size:>10} {modified:%b %d %H:%M} {name}"


@magic.line("cat")
def _cat(line):
    for name in shlex.split(line):
        with open(name) as file:
            sys.stdout.write(file.read())


@magic.line("mkdir")
def _mkdir(line):
    words = shlex.split(line)
    for name in words:
        if not name.startswith("-"):
            os.makedirs(name, exist_ok="-p" in words)


@magic.cell("writefile", "file")
def _writefile(line, body):
    line = magic.expand(line).strip()
    appends = line.startswith("-a ") or line.startswith("--append ")
    name = os.path.expanduser((line.partition(" ")[2] if appends else line).strip().strip("'\""))
    if not name:
        raise magic.UsageError("the following arguments are required: filename")
    print(f"{'Appending to' if appends else 'Overwriting' if os.path.exists(name) else 'Writing'} {name}")
    with open(name, "a" if appends else "w", encoding="utf-8") as file:
        file.write(body)


@magic.line("env")
def _env(line):
    if not line:
        return dict(os.environ)
    if "=" in line or " " in line:
        return _set_env(line)
    if line not in os.environ:
        raise magic.UsageError(f"Environment does not have key: {line}")
    return os.environ[line]


@magic.line("set_env")
def _set_env(line):
    name, _, value = line.partition("=" if "=" in line else " ")
    name, value = name.strip(), value.strip()
    if not name or " " in name:
        raise magic.UsageError("refusing to set env var with whitespace or without a name")
    os.environ[name] = value
    print(f"env: {name}={value}")


@magic.line("run")
def _run(line):
    words = shlex.split(line)
    shares = "-i" in words[:1]
    words = words[1:] if shares else words
    if not words:
        raise magic.UsageError("%run: you must provide at least a filename.")
    name = words[0] if os.path.exists(words[0]) else f"{words[0]}.py"
    if not os.path.exists(name):
        raise Exception(f"File `{words[0]!r}` not found.")
    with open(name, encoding="utf-8") as file:
        code = compile(file.read(), os.path.abspath(name), "exec", dont_inherit=True)
    scope = namespace.variables if shares else {"__builtins__": __builtins__}
    kept = {key: scope[key] for key in ("__name__", "__file__") if key in scope}
    scope.update(__name__="__main__", __file__=name)
    arguments, sys.argv = sys.argv, [name, *words[1:]]
    try:
        exec(code, scope)
    except SystemExit as error:
        # What a script says with a zero is that all is well.
        if error.code not in (None, 0):
            raise
    finally:
        sys.argv = arguments
        scope.pop("__file__", None)
        scope.update(kept)
        if not shares:
            namespace.variables.update({
                key: value for key, value in scope.items() if key not in ("__name__", "__builtins__")
            })
