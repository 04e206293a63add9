# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0-null-ss.toml
# ENTRY:    exit_to_user
# EXPECT:   violated ss-attrs on amd:la48 amd:la57
# ORIGIN:   Linux commit 61f01dd941ba: another task may have left a null SS

// The attributes of SS are set, and then a function that may switch tasks is called.

	.globl	exit_to_user
exit_to_user:
	movl	$0x18, %eax
	movl	%eax, %ss
	call	work
	jmp	return_to_user

#include "linux-2015-tf-tested.S"
