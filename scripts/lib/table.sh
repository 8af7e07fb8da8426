# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# Sourced by what writes or reads results/, after common.sh and suite.sh. Each table starts with the columns date, kernel and
# key. The key is a hash of what decides the row: if that changes, the row is stale.

# table_files NAME: the files, besides kernel and model, that decide its rows.
table_files() {
	case $1 in
	coverage | uncovered) echo "linux/files/$suite" tests/fuzz/*.[ch] ;;
	fail_nth | stress) echo "linux/files/$suite/$1.c" "linux/files/$suite"/*.h ;;
	fuzz) echo tests/fuzz/*.[ch] ;;
	soak) echo tests/soak.c ;;
	# the model has its fuzzer and qtests, the kernel its selftests
	fuzz-model | selftests) ;;
	*) die "nobody knows what decides results/$1.tsv" ;;
	esac
}

# table_key NAME KERNELS: what the key of a row is now; KERNELS is a list with commas, or `-` for the model alone. It may be called
# in a condition, so each failure is looked at.
table_key() {
	local kernel files part parts
	files=$(cd "$top" && table_files "$1") && parts=$("$top/scripts/build-qemu" --key) || return
	[[ $2 == - ]] || for kernel in ${2//,/ }; do
		part=$("$top/scripts/build-linux" --kernel "$kernel" --key) || return
		parts+=" $part"
	done
	# shellcheck disable=SC2086
	(cd "$top" && key_of "$parts" "$(key $files)")
}

# table_stamp NAME KERNELS: the first columns of a row.
table_stamp() { printf '%s\t%s\t%s' "$(date -u +%F)" "$2" "$(table_key "$1" "$2")"; }

# table_write NAME COLUMNS [KEEP]: makes the table of these columns, after the first three, and of the rows on stdin. Of its
# old rows those stay for which the awk expression KEEP holds.
table_write() {
	local table=$top/results/$1.tsv
	{ printf 'date\tkernel\tkey\t%s\n' "$2"
	  [[ ! -s $table || -z ${3:-} ]] || awk -F'\t' "NR > 1 && ($3)" "$table"
	  cat; } >"$table.new"
	mv "$table.new" "$table"
}

# table_stale NAME: a line for each kernel of whose rows some are of other content than what is here. Fails if a row has no
# key, or one that nobody can compute.
table_stale() {
	local count kernel key now
	[[ $(sed -n 1p "$top/results/$1.tsv") == $'date\tkernel\tkey\t'* ]] || die "results/$1.tsv does not start with date, kernel and key"
	awk -F'\t' 'NR > 1 { n[$2 "\t" $3]++ } END { for (k in n) print n[k] "\t" k }' "$top/results/$1.tsv" | LC_ALL=C sort -k2 |
		while IFS=$'\t' read -r count kernel key; do
			[[ $key =~ ^[0-9a-f]{16}$ ]] || die "results/$1.tsv: $count rows of $kernel have no key"
			now=$(table_key "$1" "$kernel") || die "results/$1.tsv: nobody can compute the key of $count rows of ${kernel:-no kernel}"
			[[ $key == "$now" ]] || printf '%s\t%s\n' "$count" "$kernel"
		done | awk -F'\t' -v table="$1" '{ n[$2] += $1 } END { for (k in n) print table ": " n[k] " rows" (k == "-" ? "" : " of " k) }'
}
