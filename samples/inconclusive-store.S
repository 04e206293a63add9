# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing. The pointer may be that of the frame

// After the tests, a word is stored through a pointer of unknown origin. It
// may hit the frame, or not; the store must not be ignored.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%r15, %rbx		// as the caller left it
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	movq	$0, (%rbx)
	leave_by_sysret

slow:
	leave_by_iret
