package conformance

// v2AuthFamilies are the cases of API 2's users and roles. Each has a server of its own, because they turn authentication on.
var v2AuthFamilies = []family{
	{name: "auth_users", cases: v2Script, own: true, flags: authFlags},
	{name: "auth_roles", cases: v2Script, own: true, flags: authFlags},
	{name: "auth_enable", cases: v2Script, own: true, certificates: true, flags: authFlags},
	{name: "auth_patterns", cases: v2PatternCases, own: true, certificates: true, flags: authFlags},
	{name: "auth_members", cases: v2AuthMemberCases, own: true, members: 3, flags: authFlags},
}
