# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/nospec-branch.h, FILL_RETURN_BUFFER (pattern): calls that never return
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movl	$16, %edx
1:
	call	2f
	int3
2:
	call	3f
	int3
3:
	decl	%edx
	jnz	1b
	addq	$8 * 32, %rsp
	lfence
	need_everything slow
	leave_by_sysret

slow:
	leave_by_iret
