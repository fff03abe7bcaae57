package v1alpha1

// Complete reports whether the run set out to do every check and came to its
// end. It says nothing of the results; a complete run may be inconclusive.
func (r Run) Complete() bool { return !r.Interrupted && r.Filter == "" }
