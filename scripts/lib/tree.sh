# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by compose, import and series: turns files/ and patches/ into commits of a composed tree, and back. All of it
# happens in the tree's object database through an index of its own; no working file is touched.
#
# A patch file is: `Subject: ...`, an empty line, the body, `Adds: PATH` lines, `---`, the diff of existing files.
# In the tree, commits are the base, then one a patch of patches/, then one a patch of patches-test/; the latter have a
# subject that starts with `test-only: `.

# Who composed a tree and when must not change its hashes.
export GIT_AUTHOR_NAME='i915 VM_BIND' GIT_AUTHOR_EMAIL='i915-vm-bind@invalid' GIT_AUTHOR_DATE='2026-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

# tree_open linux|qemu: sets which, tree (the composed tree), source (what the repo holds) and scratch.
tree_open() {
	case ${1:-} in linux | qemu) ;; *) usage >&2; exit 2 ;; esac
	which=$1 tree=$build/$1 source=$top/$1
	# A tree that is not there yet must not be taken for the repo around it.
	export GIT_CEILING_DIRECTORIES=$build
	scratch=$(mktemp -d "$build/.tree-$1.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	export GIT_INDEX_FILE_PRIVATE=$scratch/index
}

tgit() { git -C "$tree" "$@"; }
# The same with the private index.
igit() { GIT_INDEX_FILE=$GIT_INDEX_FILE_PRIVATE git -C "$tree" "$@"; }

# What the composed tree is made from.
source_key() { (cd "$1" && key BASE files patches patches-test); }

patch_subject() { sed -n '1s/^Subject: //p' "$1"; }
patch_adds() { awk '/^---$/ { exit } sub(/^Adds: /, "")' "$1"; }
patch_diff() { sed '1,/^---$/d' "$1"; }
patch_message() {
	patch_subject "$1"
	awk '/^---$/ { exit } NR > 1 && !/^Adds: /' "$1"
}

# stage_file FILE PATH: FILE becomes PATH of the private index.
stage_file() {
	local mode=100644
	[[ -x $1 ]] && mode=100755
	printf '%s %s\t%s\n' $mode "$(tgit hash-object -w --no-filters "$1")" "$2" | igit update-index --add --index-info
}

# commit_patch PATCH FILES PARENT: prints the new commit.
commit_patch() {
	local patch=$1 files=$2 path new
	[[ -n $(patch_subject "$patch") ]] || die "$patch: the first line is not a Subject:"
	grep -qx -e --- "$patch" || die "$patch: no line --- before the diff"
	igit read-tree "$3"
	patch_diff "$patch" >"$scratch/diff"
	if [[ -s $scratch/diff ]]; then
		igit apply --cached --whitespace=nowarn "$scratch/diff" ||
			die "${patch#"$top"/} does not apply"
	fi
	new=$(igit diff-index --cached --name-only --no-renames --diff-filter=A "$3")
	[[ -z $new ]] || die "${patch#"$top"/}: a new file belongs in files/, named by Adds: $new"
	while IFS= read -r path; do
		[[ -f $files/$path ]] || die "${patch#"$top"/}: no such file: files/$path"
		[[ -z $(igit ls-files -- "$path") ]] || die "${patch#"$top"/}: Adds: names an existing file: $path"
		stage_file "$files/$path" "$path"
	done < <(patch_adds "$patch")
	patch_message "$patch" | git stripspace | tgit commit-tree "$(igit write-tree)" -p "$3"
}

# compose_commits SOURCE BASE: sets series_tip and tip.
compose_commits() {
	local dir name
	tip=$2 series_tip=$2
	for dir in patches patches-test; do
		if [[ -f $1/$dir/series ]]; then
			while read -r name; do
				tip=$(commit_patch "$1/$dir/$name" "$1/files" "$tip")
			done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$1/$dir/series")
		fi
		[[ $dir == patches ]] && series_tip=$tip
	done
	return 0
}

# patch_name N SUBJECT: as git format-patch would call it.
patch_name() {
	local slug
	slug=$(printf '%s' "$2" | LC_ALL=C sed -E 's/[^A-Za-z0-9._]+/-/g; s/\.+/./g; s/^-+//; s/[-.]+$//' | cut -c1-52)
	printf '%04d-%s.patch' "$1" "${slug%[-.]}"
}

# commit_diff COMMIT: its changes of files that existed before, with nothing that depends on the user's git.
commit_diff() {
	tgit diff-tree -p -U3 --no-renames --no-color --no-ext-diff --no-textconv --src-prefix=a/ --dst-prefix=b/ \
		--diff-algorithm=myers --diff-filter=a "$1^" "$1" | sed -E '/^index [0-9a-f]+\.\.[0-9a-f]+/d'
}

# export_commits FROM TO DIR FILES: one patch file a commit, the series file, and the added files.
export_commits() {
	local commit path n=0 name body
	[[ $1 != "$2" ]] || return 0
	mkdir -p "$3" "$4"
	for commit in $(tgit rev-list --reverse "$1..$2"); do
		n=$((n + 1))
		name=$(patch_name $n "$(tgit log -1 --format=%s "$commit")")
		tgit diff-tree -r --no-commit-id --name-only --no-renames --diff-filter=A "$commit" >"$scratch/adds"
		while IFS= read -r path; do
			mkdir -p "$4/$(dirname "$path")"
			tgit cat-file blob "$commit:$path" >"$4/$path"
			[[ $(tgit ls-tree "$commit" -- "$path") != 100755* ]] || chmod +x "$4/$path"
		done <"$scratch/adds"
		{
			printf 'Subject: %s\n' "$(tgit log -1 --format=%s "$commit")"
			body=$(tgit log -1 --format=%b "$commit")
			[[ -z $body ]] || printf '\n%s\n' "$body"
			printf '\n'
			sed 's/^/Adds: /' "$scratch/adds"
			printf -- '---\n'
			commit_diff "$commit"
		} >"$3/$name"
		printf '%s\n' "$name" >>"$3/series"
	done
}
