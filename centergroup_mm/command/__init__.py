# SPDX-License-Identifier: Apache-2.0
"""The command ``centergroup``, which runs exported models."""
