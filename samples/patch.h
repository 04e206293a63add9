# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// Entries of the tables by which a kernel patches its own code at boot, in the
// form that contract "linux" reads (specs/patching/linux.toml). The macros are
// our own; only the layout of the tables is the kernel's.

#include "hazard.h"

	.set	feature_always, 3 * 32 + 21
	.set	feature_xenpv, 8 * 32 + 16
	.set	feature_fsgsbase, 9 * 32 + 0
	.set	feature_smap, 9 * 32 + 20
	.set	feature_la57, 16 * 32 + 16
	.set	if_not, 1			// the flag of an entry: if the feature is not there

// One entry: the code from \first up to \last becomes that from \new up to \new_last.
	.macro	alternative first, last, new, new_last, feature, flags=0
	.pushsection .altinstructions, "a"
	.long	\first - .
	.long	\new - .
	.2byte	\feature, \flags
	.byte	(\last) - (\first), (\new_last) - (\new)
	.popsection
	.endm

// The code \old, padded to the length of \new, which replaces it if \feature says so.
	.macro	patch old, new, feature, flags=0
	.pushsection .altinstr_replacement, "ax"
.Lnew\@:
	\new
.Lnew_end\@:
	.popsection
.Lsite\@:
	\old
.Lold_end\@:
	.skip	((.Lnew_end\@ - .Lnew\@) - (.Lold_end\@ - .Lsite\@)) & ((.Lnew_end\@ - .Lnew\@) > (.Lold_end\@ - .Lsite\@)), 0x90
.Lsite_end\@:
	alternative .Lsite\@, .Lsite_end\@, .Lnew\@, .Lnew_end\@, \feature, \flags
	.endm

// The same with two entries: the second wins where both features say so.
	.macro	patch_twice old, new, feature, newer, newer_feature, flags=0, newer_flags=0
.Louter\@:
	patch	"\old", "\new", \feature, \flags
.Louter_end\@:
	.pushsection .altinstr_replacement, "ax"
.Lnewer\@:
	\newer
.Lnewer_end\@:
	.popsection
	alternative .Louter\@, .Louter_end\@, .Lnewer\@, .Lnewer_end\@, \newer_feature, \newer_flags
	.endm

// A static branch to \target: a NOP in the file, a jump where the key is set
// (\branch = 0) or clear (1).
	.macro	jump_if_key key, target, branch=0
.Lsite\@:
	.byte	0x0f, 0x1f, 0x44, 0x00, 0x00
	static_branch .Lsite\@, \target, \key, \branch
	.endm

// The same with the jump in the file.
	.macro	jump_in_file_if_key key, target, branch=0
.Lsite\@:
	.byte	0xe9
	.long	\target - . - 4
	static_branch .Lsite\@, \target, \key, \branch
	.endm

	.macro	static_branch site, target, key, branch
	.pushsection __jump_table, "aw"
	.long	\site - .
	.long	\target - .
	.quad	\key - . + \branch
	.popsection
	.endm

// UD2 with its entry in the table of traps; flag 1: a warning, whose handler goes on.
	.macro	trap_with flags
.Ltrap\@:
	ud2
	.pushsection __bug_table, "aw"
	.long	.Ltrap\@ - .
	.long	0
	.2byte	0
	.2byte	\flags
	.popsection
	.endm
