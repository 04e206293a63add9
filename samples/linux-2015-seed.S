# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0
# ENTRY:    return_to_user
# EXPECT:   proved
# ARGS:     --profile seed
# ORIGIN:   Linux commit 2a23c6b8a9c4 lists these conditions

// The same code as linux-2015-opportunistic, held against the six conditions
// that the change itself names. TF is not one of them.

#include "linux-2015-opportunistic.S"
