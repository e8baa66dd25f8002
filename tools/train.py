# SPDX-License-Identifier: Apache-2.0
"""Train by MMPose's own script, from where `mim train centergroup_mm` looks for one."""

import runpy

from centergroup_mm.host import host_tool

if __name__ == '__main__':
    runpy.run_path(str(host_tool('train.py')), run_name='__main__')
