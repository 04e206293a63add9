# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2: INCSSP, SAVEPREVSSP, SETSSBSY, RSTORSSP, WRSS

// Whatever is done with the shadow stack before the checks does not matter to them.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movl	$1, %eax
	incsspq	%rax
	movq	%gs:0x40, %rdi
	rstorssp (%rdi)
	saveprevssp
	wrssq	%rax, 8(%rdi)
	setssbsy
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
