# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by compose, import and series: turns files/ and patches/ into commits of a composed tree, and back. All of it
# happens in the tree's object database through an index of its own; no working file is touched.
#
# A patch file is: `Subject: ...`, an empty line, the body, `Adds: PATH` lines, `---`, the diff of files that exist at this
# point: those of the base, and those that an earlier patch added. files/ holds the final state of each added file.
# In the tree, commits are the base, then one a patch of patches/, then one a patch of patches-test/; the latter have a
# subject that starts with `test-only: `.

# The result depends neither on the user, nor on the date, nor on any configuration of git outside of the tree.
# shellcheck disable=SC2046
unset $(git rev-parse --local-env-vars) GIT_DIFF_OPTS
export GIT_AUTHOR_NAME='i915 VM_BIND' GIT_AUTHOR_EMAIL='i915-vm-bind@invalid' GIT_AUTHOR_DATE='2026-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_ATTR_NOSYSTEM=1 GIT_LITERAL_PATHSPECS=1

# tree_open linux|qemu: sets which, tree (the composed tree), source (what the repo holds) and scratch.
tree_open() {
	case ${1:-} in linux | qemu) ;; *) usage >&2; exit 2 ;; esac
	which=$1 tree=$build/$1 source=$top/$1
	# A tree that is not there yet must not be taken for the repo around it.
	export GIT_CEILING_DIRECTORIES=$build
	scratch=$(mktemp -d "$build/.tree-$1.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	index=$scratch/index
}

tgit() { git -C "$tree" -c core.attributesFile=/dev/null -c core.quotePath=false "$@"; }
# The same with the private index.
igit() { GIT_INDEX_FILE=$index tgit "$@"; }

# What the composed tree is made from.
source_key() { (cd "$1" && key BASE files patches patches-test); }

patch_subject() { sed -n '1s/^Subject: //p' "$1"; }
patch_adds() { awk '/^---$/ { nextfile } sub(/^Adds: /, "")' "$@" | LC_ALL=C sort; }
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

# only_paths LIST: of the diff on stdin, the part that changes the files in LIST.
only_paths() {
	awk 'NR == FNR { listed[$0]; next }
		/^diff --git / { kept = substr($0, 14, (length($0) - 16) / 2) in listed }
		kept' "$1" -
}

# added_states FILES PATCH...: finds the state in which each patch adds its files: files/ holds the last one, from which the
# hunks of later patches are taken back, last patch first. Writes index entries: adds-N for the Nth patch, and files.
added_states() {
	local files=$1 index=$scratch/states n path
	shift
	rm -f "$index" "$scratch"/adds-*
	while IFS= read -r path; do
		stage_file "$files/$path" "$path"
	done < <([[ ! -d $files ]] || find "$files" -type f -printf '%P\n')
	igit ls-files -s >"$scratch/files"
	path=$(patch_adds "$@" /dev/null | uniq -d | sed -n 1p)
	[[ -z $path ]] || die "more than one patch adds $path"
	for ((n = $#; n > 0; n--)); do
		patch_adds "${@:1:n}" >"$scratch/added"
		patch_diff "${!n}" | only_paths "$scratch/added" >"$scratch/diff"
		[[ ! -s $scratch/diff ]] || igit apply --cached -R --whitespace=nowarn "$scratch/diff" ||
			die "${!n#"$top"/} cannot be taken back from files/: edit build/$which and import"
		: >"$scratch/adds-$n"
		while IFS= read -r path; do
			igit ls-files -s --error-unmatch -- "$path" >>"$scratch/adds-$n" 2>/dev/null ||
				die "${!n#"$top"/}: Adds: names no file of files/: $path"
			igit update-index --force-remove -- "$path"
		done < <(patch_adds "${!n}")
	done
	path=$(igit ls-files | sed -n 1p)
	[[ -z $path ]] || die "files/$path: no patch adds it, by a line Adds:"
}

# commit_patch PATCH ADDS PARENT: prints the new commit. The index is at PARENT before, and at the new commit after.
commit_patch() {
	local patch=$1
	[[ -n $(patch_subject "$patch") ]] || die "$patch: the first line is not a Subject:"
	grep -qx -e --- "$patch" || die "$patch: no line --- before the diff"
	patch_diff "$patch" >"$scratch/diff"
	[[ ! -s $scratch/diff ]] || igit apply --cached --whitespace=nowarn "$scratch/diff" ||
		die "${patch#"$top"/} does not apply"
	igit update-index --add --index-info <"$2"
	diff <(igit diff-index --cached --name-only --no-renames --diff-filter=A "$3") <(patch_adds "$patch") >&2 ||
		die "${patch#"$top"/}: < is a new file that belongs in files/, named by Adds:; > is named and not new"
	patch_message "$patch" | git stripspace | tgit commit-tree "$(igit write-tree)" -p "$3"
}

# compose_commits SOURCE BASE: sets series_tip and tip.
compose_commits() {
	local dir name n=0
	local -a patches=()
	for dir in patches patches-test; do
		if [[ -f $1/$dir/series ]]; then
			while read -r name; do patches+=("$1/$dir/$name"); done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$1/$dir/series")
		fi
	done
	added_states "$1/files" "${patches[@]}"
	tip=$2 series_tip=$2
	igit read-tree "$tip"
	for name in "${patches[@]}"; do
		n=$((n + 1))
		tip=$(commit_patch "$name" "$scratch/adds-$n" "$tip")
		[[ $name != "$1/patches/"* ]] || series_tip=$tip
	done
	igit update-index --add --index-info <"$scratch/files"
	igit diff-index --cached --quiet "$tip" ||
		die "the patches do not end at files/: $(igit diff-index --cached --name-only "$tip" | sed -n 1p)"
}

# patch_name N SUBJECT: as git format-patch would call it.
patch_name() {
	local slug
	slug=$(printf '%s' "$2" | LC_ALL=C sed -E 's/[^A-Za-z0-9._]+/-/g; s/\.+/./g; s/^-+//; s/[-.]+$//' | cut -c1-52)
	printf '%04d-%s.patch' "$1" "${slug%[-.]}"
}

# tree_diff FROM TO OPTION... [-- PATH]: with nothing that depends on the user's git.
tree_diff() {
	tgit diff-tree -p --no-renames --no-color --no-textconv --src-prefix=a/ --dst-prefix=b/ \
		--diff-algorithm=myers "$@"
}

# export_patches FROM TO DIR: one patch file a commit, and the series file.
export_patches() {
	local commit n=0 name body
	for commit in $(tgit rev-list --reverse "$1..$2"); do
		n=$((n + 1))
		name=$(patch_name $n "$(tgit log -1 --format=%s "$commit")")
		mkdir -p "$3"
		{
			printf 'Subject: %s\n' "$(tgit log -1 --format=%s "$commit")"
			body=$(tgit log -1 --format=%b "$commit")
			[[ -z $body ]] || printf '\n%s\n' "$body"
			printf '\n'
			tgit diff-tree -r --no-commit-id --name-only --no-renames --diff-filter=A "$commit" | sed 's/^/Adds: /'
			printf -- '---\n'
			tree_diff "$commit^" "$commit" -U3 --diff-filter=a | sed -E '/^index [0-9a-f]+\.\.[0-9a-f]+/d'
		} >"$3/$name"
		printf '%s\n' "$name" >>"$3/series"
	done
}

# export_commits BASE SERIES TIP DIR: what the repo holds for them: patches/, patches-test/, and files/ as they are at TIP.
export_commits() {
	local mode blob path
	export_patches "$1" "$2" "$4/patches"
	export_patches "$2" "$3" "$4/patches-test"
	tgit log --format= --name-only --no-renames --diff-filter=A "$1..$3" | LC_ALL=C sort -u | while IFS= read -r path; do
		read -r mode _ blob _ < <(tgit ls-tree "$3" -- "$path") || continue
		mkdir -p "$4/files/$(dirname "$path")"
		tgit cat-file blob "$blob" >"$4/files/$path"
		[[ $mode != 100755 ]] || chmod +x "$4/files/$path"
	done
}
