# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   ELF gABI: .data is writable; a link-time value is not a run-time value

// The flag that asks for the test is 1 in the file. Somebody may have cleared
// it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpb	$0, strict_mode(%rip)
	je	trusted
	finish_exit
	.data
strict_mode:
	.byte	1
