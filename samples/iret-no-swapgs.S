# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   violated gs
# ARGS:     --check-iret
# ORIGIN:   CVE-2014-9322 is what a wrong GS base at IRET is worth; here SWAPGS is missing in front of IRETQ
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	leave_by_sysret

slow:
	fill_all_but
	addq	$at_rip, %rsp
	iretq
