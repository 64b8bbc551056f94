import os, sys, types
from importlib.machinery import ModuleSpec
def read(length):
    parts = []
    while length > 0:
        parts.append(os.read(0, length))
        if not parts[-1]:
            # Whoever wanted it is gone.
            os._exit(0)
        length -= len(parts[-1])
    return b"".join(parts)
head = b""
while not head.endswith(b"\n"):
    head += read(1)
import json
sources = json.loads(read(int(head)))
class Sources:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, is_package=name == "_sandbox") if name in sources else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(compile(sources[module.__name__], f"/opt/{module.__name__.replace('.', '/')}.py", "exec"), module.__dict__)
sys.meta_path.insert(0, Sources())
sys.dont_write_bytecode = True
import _sandbox.main
