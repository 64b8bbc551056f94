"""What cells show: values and MIME bundles, as results."""

import sys
import uuid

from . import formats, results

# Where results go instead, innermost last: `%%capture` keeps them.
captures = []


def show_result(value):
    """Show the value of a cell."""
    found = formats.bundle(value)
    if found:
        publish(found, is_main_result=True)


def publish(data, is_main_result):
    """Send a MIME bundle as one result."""
    if captures:
        captures[-1].append(data)
        return
    results.send(data, is_main_result)


class DisplayHandle:
    """What can be shown once more in the place of what was shown."""

    def __init__(self, display_id=None):
        self.display_id = uuid.uuid4().hex if display_id is None else display_id

    def __repr__(self):
        return f"<DisplayHandle display_id={self.display_id}>"

    def display(self, obj, **options):
        """Show a value."""
        display(obj, display_id=self.display_id, **options)

    def update(self, obj, **options):
        """Show a value in the place of the last one."""
        update_display(obj, display_id=self.display_id, **options)


def display(
    *objs, include=None, exclude=None, metadata=None, transient=None, display_id=None, raw=False, clear=False, **_more
):
    """Show values as results that are not the cell's main result."""
    for value in objs:
        found = value if raw else formats.bundle(value, include, exclude)
        if found:
            publish(found, is_main_result=False)
    if display_id is not None:
        return DisplayHandle(None if display_id is True else display_id)
    return None


def update_display(obj, *, display_id, **_options):
    """Nothing that is seen: E2B's stream has no word for a result that takes the place of another."""


def clear_output(wait=False):
    """Nothing that is seen, as in E2B: what was said has been sent."""


def publish_display_data(data, metadata=None, *_ignored, transient=None, **_options):
    """Show a MIME bundle."""
    publish(data, is_main_result=False)


def of_type(mime):
    """A function like IPython's display_html()."""

    def display_as(*objs, raw=False, metadata=None):
        for value in objs:
            if raw:
                publish({mime: value}, is_main_result=False)
            else:
                display(value, include=[mime])

    return display_as


def displayhook(value):
    """Show a value where `sys.displayhook` is asked to."""
    if value is not None:
        show_result(value)
        sys.stdout.flush()
