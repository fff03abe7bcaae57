package v1alpha1

// Site is the input that a site writes about itself.
type Site struct {
	TypeMeta `json:",inline" yaml:",inline"`
	// Name of the cluster as the site wants to read it in its report.
	Name string `json:"name" yaml:"name"`
	// Organisation that runs it.
	Organisation string `json:"organisation" yaml:"organisation"`
	// Contact, a role rather than a person.
	Contact string `json:"contact,omitempty" yaml:"contact,omitempty"`
	// ProtectionNeed: normal, high or veryHigh. Missing is an error.
	ProtectionNeed ProtectionNeed `json:"protectionNeed" yaml:"protectionNeed"`
	// Images that the site gives the checks.
	Images SiteImages `json:"images,omitempty" yaml:"images,omitempty"`
}

// SiteImages are references in the site's own registry.
type SiteImages struct {
	// Cold is an image with the same program as bvc's and a layer that no
	// node has yet; without it the cold start is not measured.
	Cold string `json:"cold,omitempty" yaml:"cold,omitempty"`
}
