# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   ELF gABI: .bss is zero at start only

// A zero-initialised word enables the fast way out. A tool that takes .bss for
// constant zero never gets to SYSRETQ and proves nothing.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	cmpl	$0, fast_exit_enabled(%rip)
	je	slow
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

	.bss
	.balign	4
fast_exit_enabled:
	.skip	4
