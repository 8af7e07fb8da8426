#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317
# tree.sh [CASE...]
# Tests scripts/compose, import and roundtrip on a small tree: each case starts from the same series, and prints `ok` or
# `not ok`. A refused command must have changed nothing, and given the reason that the case expects.
set -euo pipefail
shopt -s inherit_errexit
scripts=$(cd "$(dirname "$0")/../scripts" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work/home XDG_CACHE_HOME=$work/cache GIT_CONFIG_SYSTEM=/dev/null
unset XDG_CONFIG_HOME
mkdir "$HOME"
printf '[user]\n\tname = A Tester\n\temail = tester@invalid\n' >"$HOME/.gitconfig"

run() { "$top/scripts/$1" linux >"$top/log" 2>&1; }
tgit() { git -C "$tree" "$@"; }
edit() { sed -i "$2" "$1"; }
commit() { tgit add -A && tgit commit -q -m "$1"; }
numbered() { seq -f "$3 %g" "$1" "$2"; }

# use TOP: the repo that the functions above and below work on.
use() { top=$1 tree=$1/build/linux files=$1/linux/files; }

# Three mails and a hook for tests change new.c, each in a place of its own, and two change the same line of old.c.
first_series() {
	mkdir -p "$tree" "$top/linux"
	ln -s "$scripts" "$top/scripts"
	echo 'package none' >"$top/linux/BASE"
	git init -q "$top"
	tgit init -q -b composed
	tgit config core.autocrlf false
	cd "$tree"
	numbered 1 100 old >old.c
	echo gone >gone.c
	commit base
	tgit update-ref refs/composed/base HEAD
	edit old.c 's/^old 20$/& first/'
	commit 'First: change an old file'
	numbered 1 100 new >new.c
	numbered 1 10 short >short.c
	printf 'exit' >program
	chmod +x program
	edit old.c 's/^old 40$/& second/'
	commit 'Second: add new files'
	edit new.c 's/^new 60$/& third\nthird inserts/'
	edit old.c 's/^old 20 first$/& third/'
	commit 'Third: change a new file'
	edit new.c 's/^new 80$/& fourth/; /^new 81$/d'
	numbered 1 30 late >late.c
	rm gone.c
	commit 'Fourth: change it again, and add another'
	edit new.c 's/^new 100$/& tests/'
	commit 'test-only: hook'
	run import
}

# at NAME FILE: FILE as the patch whose subject starts with NAME leaves it.
at() { tgit show "$(tgit log --format='%H %s' refs/composed/tip | sed -n "s/ $1: .*//p"):$2"; }
has() { at "$1" "$2" | grep -qx "$3" || fail "after \"$1\", $2 has no line \"$3\""; }
lacks() { ! at "$1" "$2" | grep -x "$3" || fail "after \"$1\", $2 has the line \"$3\""; }
final() { grep -qx "$2" "$files/$1" || fail "files/$1 has no line \"$2\""; }
fail() { echo "$*"; exit 1; }

all_state() {
	(cd "$top/linux" && find . -type f -printf '%p %m ' -exec sha256sum {} \;)
	tgit rev-parse HEAD
	tgit for-each-ref
	tgit status --porcelain
	find "$tree" -name .git -prune -o -type f -exec sha256sum {} +
}

refused() {
	local before
	before=$(all_state)
	! run "$1" || fail "$1 was not refused"
	grep -q "$2" "$top/log" || { cat "$top/log"; fail "$1 gave another reason than \"$2\""; }
	[[ $(all_state) == "$before" ]] || fail "$1 was refused, and changed something"
}

# imported: import works, and what it wrote gives the same commits to a tree that knows only the base.
imported() {
	local tip
	run import || { cat "$top/log"; fail "import failed"; }
	tip=$(tgit rev-parse refs/composed/tip)
	[[ $(tgit rev-parse HEAD) == "$tip" && -z $(tgit status --porcelain) ]] || fail "the tree is not what was imported"
	run lib/roundtrip || { cat "$top/log"; fail "roundtrip failed"; }
	tgit reset -q --hard refs/composed/base
	tgit update-ref -d refs/composed/tip
	rm "$tree/.git/composed-key"
	run compose || { cat "$top/log"; fail "compose failed"; }
	[[ $(tgit rev-parse HEAD) == "$tip" ]] || fail "compose makes other commits than import"
}

# rebase SED: git rebase -i over the whole series, with its list of commits edited.
rebase() { GIT_SEQUENCE_EDITOR="sed -i -E '$1'" git rebase -q -i refs/composed/base >"$top/log" 2>&1; }

case_states() {
	imported
	cmp <(numbered 1 100 new) <(at Second new.c)
	lacks Third new.c 'new 80 fourth'
	has Third new.c 'third inserts'
	has Fourth new.c 'new 100'
	final new.c 'new 100 tests'
	[[ $(grep -l '^Adds: new.c' "$top"/linux/patches*/*) == */0002-Second-* ]]
	[[ $(tgit log --format=%s -1 refs/composed/series) == Fourth:* ]]
}

case_fixup_of_a_new_file() {
	edit new.c 's/^new 10$/& fixed/; s/^new 58$/& fixed/'
	commit 'fixup! Second: add new files'
	imported
	has Second new.c 'new 10 fixed'
	has Second new.c 'new 58 fixed'
	lacks Second new.c 'third inserts'
	final new.c 'new 58 fixed'
}

case_fixup_does_not_fit() {
	edit new.c 's/^new 60 third$/& fixed/'
	commit 'fixup! Second: add new files'
	refused import 'does not fit where it shall go'
	tgit reset -q --hard HEAD^
	edit new.c 's/^new 60 third$/&\nbetween/'
	commit 'fixup! Second: add new files'
	refused import 'does not fit where it shall go'
}

case_fixup_before_its_file() {
	edit new.c 's/^new 10$/& fixed/'
	commit 'fixup! First: change an old file'
	refused import 'does not fit where it shall go'
}

case_fixup_of_nothing() {
	edit new.c 's/^new 10$/& fixed/'
	commit 'fixup! Fifth: none'
	refused import 'names no commit'
}

case_spread() {
	edit new.c '1s/^/top\n/; s/^new 10$/&\nmore\nand more/; s/^third inserts$/& fixed/; s/^new 80 fourth$/fixed/; s/^new 99$/& end/; s/^new 100.*/& end/'
	edit old.c 's/^old 20 .*/& fixed/; /^old 40/d'
	commit 'fixup! *'
	edit short.c 's/^short 3$/& fixed/'
	edit new.c 's/^new 90$/& fixed/'
	commit 'fixup! Second: add new files'
	edit new.c 's/^and more$/& yet/; s/^third inserts .*/& twice/; s/^new 90 .*/& twice/'
	printf 'exit 1' >program
	commit 'fixup! *'
	imported
	has First old.c 'old 20 first'
	cmp <({ echo top; numbered 1 10 new; echo more; echo and more yet; numbered 11 89 new; echo new 90 fixed twice; numbered 91 100 new; }) \
		<(at Second new.c)
	lacks Second old.c 'old 40.*'
	[[ $(at Second program) == 'exit 1' ]]
	has Third new.c 'third inserts fixed twice'
	has Third new.c 'new 80'
	has Third old.c 'old 20 first third fixed'
	has Fourth new.c fixed
	has Fourth new.c 'new 99'
	final new.c 'new 99 end'
	final new.c 'new 100 tests end'
}

case_spread_where_lines_moved() {
	edit new.c '/^new [45]0$/d'
	commit 'Fifth: delete lines'
	edit new.c 's/^new 37$/&\nsecond/; s/^new 39$/&\nfifth/; s/^new 70$/&\nsecond/; s/^new 85$/&\nsecond/'
	commit 'fixup! *'
	imported
	cmp <({ numbered 1 37 new; echo second; numbered 38 70 new; echo second; numbered 71 85 new; echo second; numbered 86 100 new; }) \
		<(at Second new.c)
	lacks Fourth new.c fifth
	final new.c fifth
	edit new.c 's/^new 49$/& fifth/; s/^new 51$/& fifth/'
	commit 'fixup! *'
	imported
	has Fourth new.c 'new 49'
	has Fifth new.c 'new 49 fifth'
}

case_spread_into_the_base() {
	edit new.c 's/^new 10$/& fixed/'
	edit old.c 's/^old 90$/& fixed/'
	commit 'fixup! *'
	refused import 'no patch touched line 90 of old.c'
}

case_spread_a_new_file() {
	edit new.c 's/^new 10$/& fixed/'
	echo more >more.c
	commit 'fixup! *'
	refused import 'find its patch by itself'
}

case_spread_a_deleted_file() {
	rm short.c
	commit 'fixup! *'
	refused import 'find its patch by itself'
}

case_new_patch() {
	edit new.c 's/^new 30$/& fifth/'
	commit 'Fifth: change a new file'
	imported
	lacks Fourth new.c 'new 30 fifth'
	has Fifth new.c 'new 30 fifth'
	grep -q '^+new 30 fifth' "$top"/linux/patches/0005-Fifth-*
	final new.c 'new 100 tests'
}

case_split() {
	rebase 's/^pick (.* Second:)/edit \1/'
	git reset -q HEAD^
	sed -n '1,50p' new.c >half && cp new.c all && mv half new.c
	tgit add new.c && tgit commit -q -m 'Half: begin a file'
	mv all new.c
	commit 'Whole: end it'
	git -c core.editor=true rebase --continue >"$top/log" 2>&1
	imported
	cmp <(numbered 1 50 new) <(at Half new.c)
	cmp <(numbered 1 100 new) <(at Whole new.c)
	has Whole short.c 'short 1'
	final new.c 'third inserts'
	[[ $(grep -l '^Adds: new.c' "$top"/linux/patches*/*) == */0002-Half-* ]]
}

case_reorder() {
	rebase '/ Third:/{h;d};/ Fourth:/G'
	imported
	has Fourth new.c 'new 80 fourth'
	lacks Fourth new.c 'third inserts'
	has Third new.c 'new 80 fourth'
	[[ -f $(echo "$top"/linux/patches/0003-Fourth-*) ]]
}

case_drop() {
	rebase '/ Fourth:/d'
	imported
	[[ ! -e $files/late.c && -e $tree/gone.c ]]
	final new.c 'new 81'
}

case_delete() {
	rm late.c
	commit 'Fifth: delete a new file'
	imported
	[[ ! -e $files/late.c ]]
	cmp <(numbered 1 30 late) <(at Fourth late.c)
	edit new.c 's/^new 10$/& fixed/'
	commit 'fixup! *'
	imported
	echo again >late.c
	commit 'Sixth: add it again'
	refused import 'more than one patch adds'
}

case_rename() {
	tgit mv short.c brief.c
	commit 'Fifth: rename a new file'
	imported
	has Second short.c 'short 1'
	final brief.c 'short 1'
	[[ ! -e $files/short.c ]]
}

case_rename_by_fixup() {
	tgit mv short.c brief.c
	commit 'fixup! Second: add new files'
	imported
	has Second brief.c 'short 1'
	[[ ! -e $files/short.c ]]
	tgit mv new.c newer.c
	commit 'fixup! Second: add new files'
	refused import 'does not fit where it shall go'
}

case_mode() {
	chmod -x program
	commit 'Fifth: nothing to execute'
	imported
	[[ ! -x $files/program ]]
	[[ $(tgit ls-tree refs/composed/tip~2 program) == 100755* ]]
	chmod +x program
	commit 'fixup! Fifth: nothing to execute'
	imported
	[[ -x $files/program ]]
	chmod -x program
	echo more >>program
	commit 'fixup! Second: add new files'
	imported
	[[ $(tgit ls-tree refs/composed/tip~3 program) == 100644* && $(at Second program) == exitmore ]]
}

case_mode_in_files() {
	chmod -x program
	commit 'Fifth: nothing to execute'
	imported
	chmod +x "$files/program"
	refused compose 'do not end at files/: program'
}

case_link() {
	tgit rm -q short.c
	ln -s new.c link.c
	commit 'Fifth: files/ holds no links'
	refused import 'nothing was imported'
}

case_fixup_that_is_undone_later() {
	edit new.c 's/^new 10$/& fifth/'
	commit 'Fifth: change a line'
	edit new.c 's/^new 10 fifth$/new 10/'
	commit 'Sixth: change it back'
	edit new.c 's/^new 10$/& fifth/'
	commit 'fixup! Fifth: change a line'
	refused import 'does not fit where it shall go'
}

case_merge() {
	tgit switch -q -c side HEAD^
	echo side >short.c
	commit 'Fifth: a side'
	tgit switch -q composed
	tgit merge -q side >/dev/null 2>&1
	refused import 'has a merge commit'
}

case_patch_after_the_hook() {
	edit new.c 's/^new 30$/& fifth/'
	commit 'Fifth: is a mail'
	edit new.c 's/^new 100 tests$/& and mail/'
	commit 'Sixth: changes what the hook changed'
	refused import 'does not fit before the test-only'
	tgit reset -q --hard HEAD^
	imported
	[[ $(tgit log --format=%s -2) == 'test-only: hook'*Fifth:* ]]
}

case_patch_undoes_the_hook() {
	edit new.c 's/^new 100 tests$/new 100/'
	commit 'Fifth: undoes what the hook did'
	refused import 'is not the tree that it came from'
}

# Lines that two patches insert next to each other, and a fixup for the first of the two.
case_fixup_beside_a_later_patch() {
	edit new.c 's/^new 30$/&\nfifth/'
	commit 'Fifth: insert a line'
	edit new.c 's/^fifth$/&\nsixth/'
	commit 'Sixth: insert another below'
	edit new.c 's/^fifth$/& fixed\nand more/'
	commit 'fixup! Fifth: insert a line'
	edit new.c 's/^sixth$/& fixed/'
	commit 'fixup! *'
	imported
	has Sixth new.c 'sixth fixed'
	edit new.c 's/^and more$/&\nbetween/'
	commit 'fixup! Fifth: insert a line'
	imported
	[[ $(at Fifth new.c | sed -n '/^new 30$/,/^new 31$/p' | tr '\n' ,) == 'new 30,fifth fixed,and more,between,new 31,' ]]
	edit new.c 's/^between$/&\nlast/'
	commit 'fixup! Sixth: insert another below'
	imported
	lacks Fifth new.c last
	[[ $(at Sixth new.c | sed -n '/^between$/,/^new 31$/p' | tr '\n' ,) == 'between,last,sixth fixed,new 31,' ]]
}

case_fixup_of_a_binary() {
	printf 'a\0b' >binary
	commit 'Fifth: add a binary file'
	printf 'a\0c' >binary
	commit 'fixup! *'
	refused import 'does not find its patch by itself'
	tgit commit -q --amend -m 'fixup! Fifth: add a binary file'
	imported
	cmp binary <(at Fifth binary)
}

case_amend() {
	edit new.c 's/^new 10$/& fixed/'
	commit $'amend! Third: change a new file\n\nThird: has another subject\n\nAnd a text.'
	edit new.c 's/^third inserts$/& fixed/'
	commit 'fixup! Third: change a new file'
	imported
	has Third new.c 'new 10 fixed'
	has Third new.c 'third inserts fixed'
	[[ $(tgit log --format=%B | grep -A 2 '^Third') == $'Third: has another subject\n\nAnd a text.' ]]
}

case_edit_in_files() {
	edit "$files/new.c" '1s/^/top\n/; s/^new 70$/& by hand/'
	run compose
	has Second new.c 'top'
	has Third new.c 'new 70 by hand'
	refused lib/roundtrip 'import would write other files'
	imported
	has Second new.c 'new 70 by hand'
}

case_edit_in_files_does_not_reverse() {
	edit "$files/new.c" 's/^third inserts$/& by hand/'
	refused compose 'cannot be taken back'
	refused import 'cannot be taken back'
}

case_repo_moved_on() {
	edit "$files/new.c" 's/^new 10$/& by hand/'
	edit new.c 's/^new 30$/& fixed/'
	edit old.c 's/^old 20 .*/& fixed/'
	commit 'fixup! *'
	edit new.c 's/^new 40$/& fifth/'
	commit 'Fifth: change a new file'
	refused compose 'has commits that the repo has not'
	imported
	has Second new.c 'new 10 by hand'
	has Second new.c 'new 30 fixed'
	has Third old.c 'old 20 first third fixed'
	has Fifth new.c 'new 40 fifth'
}

case_repo_moved_on_by_patches() {
	local other=$top.other
	cp -a "$top" "$other"
	(use "$other" && cd "$tree" && edit new.c 's/^new 30$/& fifth/; s/^third inserts/& elsewhere/' &&
		commit 'Fifth: change a new file' && run import)
	rm -r "$top/linux"
	cp -a "$other/linux" "$top/linux"
	edit new.c 's/^new 10$/& fixed/; s/^new 80 fourth$/& fixed/'
	commit 'fixup! *'
	imported
	has Second new.c 'new 10 fixed'
	has Fourth new.c 'new 80 fourth fixed'
	has Fifth new.c 'third inserts elsewhere'
}

case_repo_moved_on_in_the_same_place() {
	edit "$files/new.c" 's/^new 10$/& by hand/'
	edit new.c 's/^new 10$/& fixed/'
	commit 'fixup! Second: add new files'
	refused import 'changed the same place'
}

case_uncommitted() {
	edit new.c 's/^new 10$/& fixed/'
	refused import 'has changes'
	edit "$files/new.c" 's/^new 30$/& by hand/'
	refused compose 'has changes'
}

case_not_in_the_series() {
	cp "$(echo "$top"/linux/patches/0003-*)" "$top/linux/patches/0099-more.patch"
	run lib/roundtrip && fail "roundtrip saw nothing"
	grep -q 'Only in .*0099-more' "$top/log"
}

case_not_named() {
	echo more >"$files/more.c"
	refused compose 'more.c: no patch adds it'
}

case_named_twice() {
	edit "$(echo "$top"/linux/patches/0003-*)" '0,/^---$/s/^---$/Adds: new.c\n&/'
	refused compose 'more than one patch adds new.c'
}

case_named_and_missing() {
	rm "$files/late.c"
	refused compose 'late.c'
}

case_named_and_old() {
	edit "$(echo "$top"/linux/patches/0003-*)" '0,/^---$/s/^---$/Adds: old.c\n&/'
	cp old.c "$files/old.c"
	refused compose 'old.c'
}

case_added_by_a_diff() {
	printf 'diff --git a/more.c b/more.c\nnew file mode 100644\n--- /dev/null\n+++ b/more.c\n@@ -0,0 +1 @@\n+more\n' \
		>>"$(echo "$top"/linux/patches/0003-*)"
	refused compose 'more.c'
}

# What one user's git would do otherwise than another's must not show.
case_configuration() {
	local other=$top.other
	edit new.c 's/^new 10$/& fixed/; s/^third inserts$/& fixed  /; s/^new 58$/& fixed/'
	commit 'fixup! *'
	cp -a "$top" "$other"
	imported
	use "$other"
	export HOME=$top.home
	mkdir -p "$HOME/.config/git"
	echo '*.c diff=cpp merge=binary' >"$HOME/.config/git/attributes"
	git config --global diff.noprefix true
	git config --global diff.context 9
	git config --global core.autocrlf true
	git config --global apply.whitespace fix
	git config --global blame.ignoreRevsFile /nonexistent
	git config --global i18n.commitEncoding iso-8859-1
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=diff.context GIT_CONFIG_VALUE_0=1 GIT_DIFF_OPTS=-u7
	export GIT_DIR=/nonexistent
	run import
	unset GIT_DIR
	[[ $(tgit rev-parse HEAD) == $(use "${top%.other}" && tgit rev-parse HEAD) ]] || fail "another commit"
	diff -r "${top%.other}/linux" "$top/linux"
}

failed=0 cases=()
use "$work/first"
(set -e; first_series) || { cat "$top/log"; fail "there is no series to start from"; }
(($#)) || mapfile -t cases < <(compgen -A function case_)
for name in "${cases[@]#case_}" "$@"; do
	cp -a "$work/first" "$work/$name"
	use "$work/$name"
	set +e
	(set -e; cd "$tree"; "case_$name") >"$work/output" 2>&1
	rc=$?
	set -e
	if ((rc == 0)); then
		echo "ok $name"
	else
		failed=1
		tail -n 20 "$work/output"
		echo "not ok $name"
	fi
done
exit $failed
