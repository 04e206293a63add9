# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated entry-mode
# ORIGIN:   Intel SDM vol. 2B, SYSRET: #UD if IA32_EFER.SCE = 0

// EFER.SCE is cleared on the way. SYSRETQ is then an invalid opcode; IRETQ
// would still work.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movl	$0xc0000080, %ecx	// MSR_EFER
	rdmsr
	andl	$~1, %eax
	wrmsr
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
