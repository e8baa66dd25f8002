# SPDX-License-Identifier: Apache-2.0
"""The host check says which package does not fit, what is needed and what to do."""

import importlib
import re
import shlex
import subprocess
import sys
import warnings
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from centergroup_mm import host, mmcv_without_operators

# As mmcv's own: every operator is looked up by name.
LOOK_UP = 'from importlib import import_module\nimport_module("mmcv._ext").nms\n'


@pytest.mark.parametrize('found', ['1.3.0', '1.3.2', '1.10.0', '2.0.0', '1.3.1+cu121'])
def test_new_enough_versions_pass_without_upper_bound(found):
    host.check_version('mmpose', found, '1.3.0')


@pytest.mark.parametrize('found', ['1.2.9', '0.29.0', '1.3.0rc1', 'unknown', ''])
def test_old_versions_are_refused_by_name(found):
    with pytest.raises(ImportError, match='needs mmpose>=1.3.0') as refused:
        host.check_version('mmpose', found, '1.3.0')
    assert found in str(refused.value)
    assert host.INSTALL_ADVICE['mmpose'] in str(refused.value)


@pytest.mark.parametrize('name', host.MINIMUM_VERSIONS)
def test_every_host_package_is_checked(monkeypatch, name):
    monkeypatch.setitem(host.MINIMUM_VERSIONS, name, '999')
    with pytest.raises(ImportError, match=f'needs {name}>=999'):
        host.check_host()


def test_this_environment_passes():
    host.check_host()


def test_opencv_5_is_warned_of_and_not_refused(monkeypatch):
    monkeypatch.setattr('cv2.__version__', '5.0.0')
    with pytest.warns(UserWarning, match='OpenCV 5.0.0 interpolates.*opencv-python<5'):
        host.check_host()
    monkeypatch.setattr('cv2.__version__', '4.13.0')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        host.check_opencv()


def test_safetensors_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    with pytest.raises(ImportError, match=r'safetensors.*`pip install safetensors`'):
        host.check_host()


def test_every_host_package_has_a_minimum_and_advice():
    assert host.MINIMUM_VERSIONS.keys() == host.INSTALL_ADVICE.keys()


@pytest.fixture
def package_of(tmp_path, monkeypatch):
    """Make a package found before all others, and forget it afterwards."""

    def make(name, files):
        (tmp_path / name).mkdir()
        for file, source in files.items():
            (tmp_path / name / file).write_text(source)
        for module in [m for m in sys.modules if m.split('.')[0] == name]:
            monkeypatch.delitem(sys.modules, module)
        return tmp_path / name

    monkeypatch.syspath_prepend(tmp_path)
    before = dict(sys.modules)
    yield make
    for module in set(sys.modules) - set(before):
        del sys.modules[module]


def test_a_binary_of_xtcocotools_that_does_not_fit_is_explained(package_of):
    error = "raise ValueError('numpy.dtype size changed')"
    package_of('xtcocotools', {'__init__.py': '', 'mask.py': error})
    with pytest.raises(ImportError, match='numpy.dtype size changed.*"numpy<2"'):
        host.check_compiled_parts()


@pytest.fixture
def mmcv_of(package_of):
    """Make an mmcv whose operators are what is given."""

    def make(**files):
        common = {'__init__.py': "__version__ = '2.1.0'", 'ops.py': LOOK_UP}
        return package_of('mmcv', common | files)

    return make


def test_operators_that_cannot_be_loaded_are_called_broken(mmcv_of):
    mmcv_of(**{f'_ext{EXTENSION_SUFFIXES[0]}': 'no binary'})
    message = 'mmcv.ops` fails: .*_ext.*for another torch.*--no-binary mmcv'
    with pytest.raises(ImportError, match=message):
        host.check_compiled_parts()


def test_absent_operators_are_not_called_broken_and_the_advice_works(mmcv_of):
    folder = mmcv_of()
    with pytest.raises(ImportError, match='without its compiled op') as refused:
        host.check_compiled_parts()
    assert 'another torch' not in str(refused.value)
    command = re.search('`(cp .*?)`', str(refused.value))[1]
    subprocess.run(shlex.split(command), check=True)
    importlib.invalidate_caches()
    host.check_compiled_parts()
    assert Path(sys.modules['mmcv._ext'].__file__) == folder / '_ext.py'


def test_operators_in_whose_place_something_stands_say_what_is_missing():
    with pytest.raises(RuntimeError, match='operator nms is missing: .*OPS=1'):
        mmcv_without_operators.nms([], threshold=0.5)
    # Python asks so whether a module is a package, and must be told no.
    assert not hasattr(mmcv_without_operators, '__path__')


def test_a_missing_package_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(host.INSTALL_ADVICE, 'mm_not_there', 'pip install mm_not_there')
    with pytest.raises(ImportError, match='needs mm_not_there.*`pip install'):
        host.import_host('mm_not_there')


def test_a_package_that_lacks_something_else_is_not_called_missing(package_of):
    package_of('mm_partial', {'__init__.py': 'import mm_not_there'})
    with pytest.raises(ModuleNotFoundError, match='mm_not_there') as error:
        host.import_host('mm_partial')
    assert error.value.name == 'mm_not_there'


def test_versions_refused_by_the_host_itself_are_passed_on(package_of):
    package_of('mm_strict', {'__init__.py': "assert False, 'MMCV==9 is incompatible'"})
    with pytest.raises(ImportError, match='mm_strict refuses.*MMCV==9'):
        host.import_host('mm_strict')


def test_host_tool_finds_the_scripts_of_mmpose():
    assert 'argparse' in host.host_tool('train.py').read_text()
    with pytest.raises(FileNotFoundError, match='tools/no_such.py'):
        host.host_tool('no_such.py')
