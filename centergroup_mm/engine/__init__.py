# SPDX-License-Identifier: Apache-2.0
"""What training needs and the host lacks: safe reading and writing of checkpoints."""
