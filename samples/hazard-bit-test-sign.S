# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BT: OF, SF, AF and PF are undefined

// SF is 0 after the XOR. Behind BT it may be anything.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	btl	$0, %eax
	js	trusted
	finish_exit
