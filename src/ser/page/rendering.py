"""A page from its template."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

_HERE = Path(__file__).parent


def render(template: Path, **shown: Any) -> str:
    """HTML of a template that extends `base.html`, with style and script in it.

    Only our own script may run, whatever a label or a file name says; and nothing may be fetched.
    """
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    return _template(template).render(
        script=script,
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **shown,
    )


@cache
def _template(path: Path) -> "jinja2.Template":
    import jinja2  # slow to import

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([path.parent, _HERE]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(path.name)
