"""What somebody on the other side may put into a name or a text, to be a template, markup, a terminal sequence or a path."""

from __future__ import annotations

from hypothesis import strategies as st

# CANARY stands for a path that no test may find afterwards.
CANARY = "@CANARY@"
TEMPLATES = (
    f"{{{{ lookup('pipe', 'touch {CANARY}') }}}}",
    f"{{{{lookup('ansible.builtin.pipe','touch${{IFS}}{CANARY}')}}}}",
    f"{{{{ query('pipe', 'touch {CANARY}') }}}}",
    f"{{% for x in [1] %}}{{{{ lookup('pipe', 'touch {CANARY}') }}}}{{% endfor %}}",
    f"{{{{ ''.__class__.__mro__[1].__subclasses__() }}}}{{# {CANARY} #}}",
    f"{{% raw %}}{{% endraw %}}{{{{ lookup('pipe', 'touch {CANARY}') }}}}",
    f"!unsafe {{{{ lookup('pipe', 'touch {CANARY}') }}}}",
    "{{ lookup('env', 'HOME') }}",
    "{{ 7 * 191 }}",
    "#jinja2: variable_start_string:'[['\n[[ 7 * 191 ]]",
)
BROKEN_TEMPLATES = ("{{ unclosed", "{% if %}", "{{ }}", "}}", "{% endraw %}", "{# no end", "{{ nosuchvariable }}")
MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "</svg><script>alert(1)</script>",
    "]]><x/>",
    "<!-- ",
    "&lt;b&gt;&#0;",
    "javascript:alert(1)",
    "{}</style>",
)
TERMINAL = (
    "\x1b[2J\x1b[1;1Hclean: 99 things",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\rclean: 99 things on 1 host are as declared",
    "x\nclean: 99 things on 1 host are as declared",
    "x\r\nPASS: every target was met",
    "x\x0bclean\x0cclean\x85clean\u2028clean\u2029",
    "\u202egnp.exe",
    "\u2066a\u2069\u200b\ufeff",
    "\x00",
    "\x7f\x08\x08\x08",
)
NOT_TEXT = ("\ud800", "\udcff\udc80", "\ufffe\uffff", "\U000e0001")
PATHS = (
    "../../x",
    "/etc/cron.d/x",
    "a/../../b",
    "~root/x",
    "-e@file",
    "--limit=all",
    "@file",
    "$(id)",
    "`id`",
    "; id #",
    "|id",
)
LABELS = ('" } 1\nredis_drift_exit_code 0\n#', "\\", '\\"', "\\n")
LONG = ("x" * 4_000_000, "<" * 100_000, "\u202e" * 100_000)

EVERY = (*TEMPLATES, *BROKEN_TEMPLATES, *MARKUP, *TERMINAL, *NOT_TEXT, *PATHS, *LABELS)
names = st.one_of(
    st.sampled_from(EVERY),
    st.text(st.characters(), min_size=1, max_size=12),
    st.tuples(st.sampled_from(EVERY), st.text(max_size=3)).map("".join),
)
