"""Joining the modules of the components."""

import pytest

from dmm_core.errors import ConfigError
from dmm_core.system.files import assets
from pages.ui.javascript import join_modules


@pytest.fixture
def write(tmp_path):
    def written(**modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.js").write_text(text + "\n")
        return tmp_path / "main.js"

    return written


def test_modules_are_joined_in_the_order_of_their_imports(write):
    entry = write(
        main='import { b } from "./b.js";\nimport {\n  a,\n} from "./a.js";\n'
        "export const c = a + b;\nexport default function mount() {}",
        b='import { a } from "./a.js";\nexport const b = a;',
        a='/** @import { T } from "./b.js" */\nexport const a = 1;',
    )
    assert join_modules(entry).split("\n") == [
        '/** @import { T } from "./b.js" */',
        "const a = 1;",
        "",
        "const b = a;",
        "",
        "const c = a + b;",
        "export default function mount() {}",
        "",
    ]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"main": 'import { a as b } from "./a.js";', "a": "export const a = 1;"}, "unsupported"),
        ({"main": 'import * as a from "./a.js";', "a": ""}, "unsupported"),
        ({"main": 'import { a } from "left-pad";'}, "unsupported"),
        ({"main": "export { a };"}, "unsupported"),
        ({"main": "export default 1;"}, "unsupported"),
        (
            {"main": 'import { a } from "./a.js";', "a": "export default function a() {}"},
            "a.js has an unsupported",
        ),
        (
            {"main": 'import { a } from "./a.js";\nconst b = 1;', "a": "function b() {}"},
            "main.js and a.js both declare 'b'",
        ),
        (
            {
                "main": 'import { a } from "./a.js";',
                "a": 'import { b } from "./main.js";',
            },
            "imports itself",
        ),
    ],
)
def test_what_cannot_be_joined_is_refused(write, modules, message):
    with pytest.raises(ConfigError, match=message):
        join_modules(write(**modules))


def test_modules_of_a_folder_beside_are_joined_once(tmp_path):
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "a.js").write_text("export const a = 1;\n")
    (tmp_path / "main").mkdir()
    (tmp_path / "main" / "b.js").write_text('import { a } from "../near/a.js";\nconst b = a;\n')
    entry = tmp_path / "main" / "main.js"
    entry.write_text('import { b } from "./b.js";\nimport { a } from "../near/a.js";\na + b;\n')
    assert join_modules(entry) == "const a = 1;\n\nconst b = a;\n\na + b;\n"


@pytest.mark.parametrize("name", ["player", "drawing", "voices"])
def test_a_component_has_all_of_its_modules_and_one_export(name):
    folder = assets() / name
    joined = join_modules(folder / f"{name}.js")
    for module in folder.glob("*.js"):
        assert module.read_text().splitlines()[0] in joined, module.name
    lines = joined.splitlines()
    assert [line for line in lines if line.startswith(("import", "export"))] == [
        "export default function mount(component) {"
    ]
