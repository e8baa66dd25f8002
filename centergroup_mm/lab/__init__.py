# SPDX-License-Identifier: Apache-2.0
"""What makers of models run and the plug-in never imports."""
