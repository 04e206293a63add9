# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 3c7501722e6b (“Add VERW just before userspace transition”)

// CPU buffers are cleared with VERW right before the end. Its operand is a
// constant next to the code, so it does not depend on RSP or GS.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	fill_all_but rcx, r11
	movq	at_rsp(%rsp), %rsp
	swapgs
	verw	selector_for_verw(%rip)
	sysretq

slow:
	leave_by_iret

	.balign	8
selector_for_verw:
	.word	0x18
