# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit b9cd18de4db3 (the repair of CVE-2014-4699), the idea of it

// The same work before the tests: they see the frame as it will be used.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rdi
	call	slow_work
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
