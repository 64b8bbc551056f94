"""Text that is broken where it does not fit, from its outermost group inwards.

What `_repr_pretty_` methods are given is one of these, so the names of the public methods are IPython's.
"""

import collections
import contextlib


class _Group:
    def __init__(self, depth):
        self.depth = depth
        # How many of its breaks wait in the line.
        self.waiting = 0
        # Whether its breaks are newlines from now on.
        self.is_broken = False


class _Break:
    def __init__(self, separator, indentation, group):
        self.separator = separator
        self.indentation = indentation
        self.group = group


class Layout:
    """Writes to `output` lines of at most `max_width` characters, as far as breaks allow."""

    def __init__(self, output, max_width=79, newline="\n", max_seq_length=1000):
        self.output = output
        self.max_width = max_width
        self.newline = newline
        self.max_seq_length = max_seq_length
        self.indentation = 0
        self._column = 0
        # The rest of the line, from its first break that may still become a newline.
        self._line = collections.deque()
        self._line_width = 0
        root = _Group(0)
        self._open = [root]
        # By depth, the groups that may still be broken.
        self._unbroken = [[root]]

    def text(self, text):
        """Add text in which nothing is broken."""
        if not self._line:
            self._write(text)
            return
        self._line.append(text)
        self._line_width += len(text)
        self._fit()

    def breakable(self, sep=" "):
        """Add what is `sep`, or a newline if the group does not fit."""
        group = self._open[-1]
        if group.is_broken:
            self.flush()
            self._start_line(self.indentation)
            return
        self._line.append(_Break(sep, self.indentation, group))
        self._line_width += len(sep)
        group.waiting += 1
        self._fit()

    def break_(self):
        """Add a newline."""
        group = self._outermost_waiting()
        if group is not None:
            self._settle(group)
        self.flush()
        self._start_line(self.indentation)

    def begin_group(self, indent=0, open=""):
        """Begin what is broken as a whole; its lines stand `indent` further in."""
        if open:
            self.text(open)
        group = _Group(self._open[-1].depth + 1)
        self._open.append(group)
        if group.depth == len(self._unbroken):
            self._unbroken.append([])
        self._unbroken[group.depth].append(group)
        self.indentation += indent

    def end_group(self, dedent=0, close=""):
        """End it; `dedent` is the `indent` that it began with."""
        self.indentation -= dedent
        group = self._open.pop()
        if group.waiting == 0:
            self._forget(group)
        if close:
            self.text(close)

    @contextlib.contextmanager
    def group(self, indent=0, open="", close=""):
        """The two around a block."""
        self.begin_group(indent, open)
        try:
            yield
        finally:
            self.end_group(indent, close)

    @contextlib.contextmanager
    def indent(self, indent):
        """Indent the lines of a block."""
        self.indentation += indent
        try:
            yield
        finally:
            self.indentation -= indent

    def flush(self):
        """Write what waits for its line to become too long."""
        while self._line:
            self._put(self._line.popleft())
        self._line_width = 0

    def _write(self, text):
        self.output.write(text)
        self._column += len(text)

    def _start_line(self, indentation):
        self.output.write(self.newline + " " * indentation)
        self._column = indentation

    def _fit(self):
        while self._column + self._line_width > self.max_width:
            group = self._outermost_waiting()
            if group is None:
                return
            self._settle(group)

    def _settle(self, group):
        """Write the line as far as no more of it can become a newline of this group."""
        while group.waiting or (self._line and isinstance(self._line[0], str)):
            item = self._line.popleft()
            self._line_width -= len(item if isinstance(item, str) else item.separator)
            self._put(item)

    def _put(self, item):
        if isinstance(item, str):
            self._write(item)
            return
        item.group.waiting -= 1
        if item.group.is_broken:
            self._start_line(item.indentation)
            return
        if item.group.waiting == 0:
            self._forget(item.group)
        self._write(item.separator)

    def _outermost_waiting(self):
        """The group to break next, marked as broken."""
        for groups in self._unbroken:
            # Of those that begin at the same depth in one line IPython breaks the last, and no other.
            chosen = next((group for group in reversed(groups) if group.waiting), None)
            if chosen is not None:
                del groups[groups[::-1].index(chosen)]
                chosen.is_broken = True
                return chosen
            for group in groups:
                group.is_broken = True
            groups.clear()
        return None

    def _forget(self, group):
        with contextlib.suppress(ValueError):
            self._unbroken[group.depth].remove(group)
