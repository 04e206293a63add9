# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0-null-ss.toml
# ENTRY:    return_to_user
# EXPECT:   violated ss-attrs on amd:la48 amd:la57
# ORIGIN:   Linux commit 61f01dd941ba (AMD: SYSRET leaves the SS attributes alone)

// The code is that of linux-2015-tf-tested. The contract next to this file does
// not promise that SS is usable: after an interrupt it is null, and a program
// whose task is switched to from there goes on with an unusable SS on AMD.

#include "linux-2015-tf-tested.S"
