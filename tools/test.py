# SPDX-License-Identifier: Apache-2.0
"""Test by MMPose's own script, from where `mim test centergroup_mm` looks for one."""

import runpy

from centergroup_mm.host import host_tool

if __name__ == '__main__':
    runpy.run_path(str(host_tool('test.py')), run_name='__main__')
