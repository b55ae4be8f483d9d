"""Where the modules and roles of this project are, in a checkout and in a collection."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_control import tree
from specs import MODULES, ROLES


def test_a_checkout_has_them_at_its_top():
    assert not tree.HERE.in_collection
    assert sorted(tree.HERE.modules.glob("*.py")) == MODULES
    assert sorted(path.parent for path in tree.HERE.roles.glob("*/tasks")) == ROLES


@pytest.mark.parametrize("name", ["redis", "plugins", "library"])
def test_a_collection_has_its_modules_beside_module_utils_and_its_roles_above(tmp_path, name):
    plugins = tmp_path / name / "plugins"
    (plugins / "modules").mkdir(parents=True)
    assert tree.of(plugins / "module_utils") == tree.Tree(
        plugins / "modules", tmp_path / name / "roles", in_collection=True
    )


def test_a_checkout_may_have_any_name(tmp_path):
    (tmp_path / "plugins" / "library").mkdir(parents=True)
    found = tree.of(tmp_path / "plugins" / "module_utils")
    assert (found.modules, found.in_collection) == (tmp_path / "plugins" / "library", False)
