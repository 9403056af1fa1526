package compile

import "github.com/issuant/issuant/rules"

// Bounds of a pack in source form, all inclusive. A pack that exceeds one is
// refused with code R0112 and the limit's name, which is the lower-case form
// given beside it; the name is stable.
const (
	MaxRules          = rules.MaxRules       // max_rules
	MaxConditionBytes = 16 << 10             // max_condition_bytes: UTF-8 bytes of one condition
	MaxConditionNodes = 4096                 // max_condition_nodes: operators, operands and list items of one condition
	MaxConditionDepth = 64                   // max_condition_depth: brackets, signs and choices within each other
	MaxRegexBytes     = 512                  // max_regex_bytes: pattern on the right of matches
	MaxPackBytes      = 256 << 20            // max_pack_bytes: all files of a pack together
	MaxFileBytes      = 8 << 20              // max_file_bytes: one YAML file
	MaxListBytes      = 128 << 20            // max_list_bytes: one list file
	MaxFiles          = 1000                 // max_files: rule files, and test files
	MaxParams         = rules.MaxParams      // max_params
	MaxLists          = rules.MaxLists       // max_lists
	MaxListEntries    = rules.MaxListEntries // max_list_entries
	MaxSections       = rules.MaxSections    // max_sections
	MaxTextBytes      = 4096                 // max_text_bytes: why, say, doc, a source, a name
	MaxTestCases      = 100_000              // max_test_cases: in one pack

	// MaxDiagnostics bounds the diagnostics of one Error; the rest are counted.
	MaxDiagnostics = 100
)
