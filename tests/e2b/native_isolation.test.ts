import assert from "node:assert/strict";
import { Sandbox } from "@e2b/code-interpreter";
import { nativeTest, outcome } from "./native_server.ts";

/** Calls of Linux that Python has no function for; each raises what the machine says of it. */
const PREPARE = `
import ctypes, os, socket, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def syscall(number, *args):
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in args))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def call(name, *args):
    result = getattr(libc, name)(*args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def run(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise OSError(done.returncode, done.stderr.strip())
    return done.stdout
def put(path, text):
    os.write(os.open(path, os.O_WRONLY), text.encode())
def attempt(code):
    space = dict(globals())
    try:
        exec(code, space)
        print("OPEN:", space.get("got"))
    except BaseException as error:
        print("SHUT:", type(error).__name__, error)
`;

/** What each must not be able to do; it sets \`got\` to what it got. */
const ATTEMPTS: Readonly<Record<string, string>> = {
  // Other processes.
  "trace the first process": "got = call('ptrace', 16, 1, 0, 0)",
  "read the first process's memory": "got = open('/proc/1/mem', 'rb')",
  "read the first process's environment": "got = open('/proc/1/environ').read()",
  "read the first process's map": "got = open('/proc/1/maps').read()",
  "list the first process's descriptors": "got = os.listdir('/proc/1/fd')",
  "write to the first process's output": "got = put('/proc/1/fd/1', 'x')",
  "see the first process's folder": "got = os.readlink('/proc/1/cwd')",
  "see the first process's root": "got = os.listdir('/proc/1/root')",
  "copy from the first process's memory":
    "buffer = ctypes.create_string_buffer(8); vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8); got = call('process_vm_readv', 1, vector, 1, vector, 1, 0)",
  "take a descriptor of the first process": "got = syscall(438, os.pidfd_open(1), 1, 0)",
  "raise its own priority": "os.setpriority(os.PRIO_PROCESS, 0, -5)",
  "be spared when the machine has no memory": "put('/proc/self/oom_score_adj', '-500')",
  // Namespaces, mounts, roots.
  "make a user namespace": "call('unshare', 0x10000000)",
  "make a user namespace by a program": "got = run('unshare --user --map-root-user id')",
  "make a mount namespace": "call('unshare', 0x20000)",
  "make a network namespace": "call('unshare', 0x40000000)",
  "make a process namespace": "call('unshare', 0x20000000)",
  "clone into a user namespace": "got = syscall(56, 0x10000000 | 17, 0, 0, 0, 0)\nif got == 0: os._exit(0)",
  "clone3 into a user namespace":
    "args = struct.pack('11Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0); got = syscall(435, ctypes.c_char_p(args), 88)\nif got == 0: os._exit(0)",
  "enter a namespace": "call('setns', os.open('/proc/self/ns/net', os.O_RDONLY), 0)",
  "bubblewrap in bubblewrap": "got = run('bwrap --ro-bind / / true')",
  "mount": "call('mount', b'none', b'/home/user', b'tmpfs', 0, None)",
  "mount a process file system": "call('mount', b'proc', b'/tmp', b'proc', 0, None)",
  "make the system writable": "call('mount', None, b'/usr', None, 32 | 4096, None)",
  "open a file system": "got = syscall(430, ctypes.c_char_p(b'tmpfs'), 0)",
  "take a mount off": "call('umount2', b'/proc/cmdline', 2)",
  "change the root": "os.chroot('/home/user')",
  "pivot the root": "got = syscall(155, ctypes.c_char_p(b'/home/user'), ctypes.c_char_p(b'/home/user'))",
  // Devices, the machine's kernel, and rights.
  "make a device": "os.mknod('/home/user/disk', 0o60600, os.makedev(254, 0))",
  "make a device of memory": "os.mknod('/home/user/memory', 0o20600, os.makedev(1, 1))",
  "open the machine's disk": "got = open('/dev/vda', 'rb')",
  "open the machine's memory": "got = open('/dev/mem', 'rb')",
  "open a terminal of the machine": "got = open('/dev/tty')",
  "type into a terminal of the machine": "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b'x')",
  "set a system's variable": "put('/proc/sys/kernel/core_pattern', '|/bin/false')",
  "set a variable of processes": "put('/proc/sys/kernel/pid_max', '5000')",
  "set how many semaphores there may be": "put('/proc/sys/kernel/sem', '32000 1024000000 500 32000')",
  "ask for more namespaces": "put('/proc/sys/user/max_user_namespaces', '100')",
  "press a key of the system": "put('/proc/sysrq-trigger', 'h')",
  "read the machine's core": "got = open('/proc/kcore', 'rb').read(1)",
  "read the machine's log": "got = run('dmesg')",
  "read the machine's start": "got = open('/proc/cmdline').read()",
  "read the machine's disks": "got = open('/proc/partitions').read()",
  "read the machine's interrupts": "got = open('/proc/interrupts').read()",
  "read the machine's identity": "got = open('/proc/sys/kernel/random/boot_id').read()",
  "see the machine's devices": "got = os.listdir('/sys')",
  "become root": "os.setuid(0)",
  "become root by a program": "got = run('su -c id root')",
  "become root by sudo": "got = run('sudo -n id')",
  "have rights given": "os.chmod('/usr/bin/python3', 0o4755)",
  "give a file away": "open('/home/user/given', 'w'); os.chown('/home/user/given', 0, 0)",
  "change the clock": "import time; time.clock_settime(time.CLOCK_REALTIME, 0)",
  "change the host's name": "socket.sethostname('mine')",
  "trace the system": "got = syscall(298, ctypes.c_char_p(struct.pack('II', 1, 128) + bytes(120)), 0, -1, -1, 0)",
  "load a program into the machine's kernel": "got = syscall(321, 0, ctypes.c_char_p(bytes(120)), 120)",
  "have memory that nobody sees": "got = os.memfd_create('hidden')",
  "have a ring of calls": "got = syscall(425, 8, ctypes.c_char_p(bytes(120)))",
  "keep a key with the machine":
    "got = syscall(248, ctypes.c_char_p(b'user'), ctypes.c_char_p(b'a'), ctypes.c_char_p(b'b'), 1, -3)",
  "have memory of System V": "got = call('shmget', 0, 4096, 0o1600)",
  "have semaphores of System V": "got = call('semget', 0, 32000, 0o1600)",
  "have messages of System V": "got = call('msgget', 0, 0o1600)",
  // Files of the machine.
  "write to the system": "open('/usr/lib/mine', 'w')",
  "write to a library": "open('/usr/lib/python3/dist-packages/mine.py', 'w')",
  "write to the root": "open('/mine', 'w')",
  "write to a folder of devices": "open('/dev/mine', 'w')",
  "read the passwords": "got = open('/etc/shadow').read()",
  "read the machine's keys": "got = os.listdir('/etc/ssl/private')",
  "read settings of this machine": "got = os.listdir('/etc/ssh')",
  "see settings of local programs": "got = os.listdir('/usr/local/etc')[0]",
  "see variable files": "got = os.listdir('/var')",
  "see what runs": "got = os.listdir('/run')",
  "climb out": "got = os.listdir('../../../../../../var')",
  "climb out by a link of /proc": "got = os.listdir('/proc/self/root/var')",
  "open a file by its handle": "got = syscall(304, -100, ctypes.c_char_p(bytes(16)), 0)",
  // Networks.
  "send a packet as it likes": "got = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
  "send a frame as it likes": "got = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)",
  "reach a virtual machine's host": "got = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
  "reach the machine's ciphers": "got = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)",
  "reach bluetooth": "got = socket.socket(31, socket.SOCK_RAW, 0)",
  "reach a name server": "got = socket.getaddrinfo('example.com', 80)",
  "reach an address": "got = socket.create_connection(('192.0.2.1', 80), 2)",
  "reach an address of IPv6": "got = socket.create_connection(('2001:db8::1', 80), 2)",
  "send to an address": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
  "reach the cloud's metadata": "got = socket.create_connection(('169.254.169.254', 80), 2)",
  "reach Docker": "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
  "reach the system's bus": "socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket')",
  "add a network": "run('ip link add dummy0 type dummy')",
};

nativeTest("nothing that code tries gets it through a sandbox's walls", async (connection, server) => {
  const listener = Deno.listen({ path: "\0e2b-native-isolation", transport: "unix" });
  using _closed = { [Symbol.dispose]: () => listener.close() };
  const { port } = new URL(server.url);
  const attempts = {
    ...ATTEMPTS,
    "reach the server": `got = socket.create_connection(('127.0.0.1', ${port}), 2)`,
    "reach an abstract socket of the machine": `socket.socket(socket.AF_UNIX).connect('\\0e2b-native-isolation')`,
    "read the repository": `got = open(${JSON.stringify(new URL(import.meta.url).pathname)}).read()`,
    "read the server's program": `got = os.stat(${JSON.stringify(Deno.execPath())})`,
  };
  const sandbox = await Sandbox.create(connection);
  await outcome(sandbox, PREPARE);
  assert.equal(await outcome(sandbox, "attempt('got = 1 + 1')"), "OPEN: 2\n");
  const open: string[] = [];
  for (const [name, code] of Object.entries(attempts)) {
    const said = await outcome(sandbox, `attempt(${JSON.stringify(code)})`);
    if (!said.startsWith("SHUT: ")) open.push(`${name}: ${said}`);
  }
  assert.deepEqual(open, []);
});
