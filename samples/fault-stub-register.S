# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rbx
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// The entry that turns a 32-bit SYSCALL away restores nothing, so that it must not write
// more than EAX.

	.globl	exit_to_user
exit_to_user:
	movl	$-38, %eax
	xorl	%ebx, %ebx
	sysretl
