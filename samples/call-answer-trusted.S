# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, canonical, cs, ss, tf
# ORIGIN:   Linux commit ca282b486a57: the tests are in C since 6.7

// A function of another file says whether SYSRETQ will do. From this file
// alone nothing follows from its answer: put the code of both into one image,
// or keep the tests here.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rdi
	call	may_use_sysret		// not in this file
	testb	%al, %al
	jz	slow
	fill	rcx
	fill	r11
	leave_by_sysret

slow:
	leave_by_iret
