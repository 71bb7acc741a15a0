"""Forms of the console: what is wrong is told as the verbs tell it."""

from typing import Any

from django import forms

from controlplane.lib.errors import Invalid


class Checked(forms.Form):
    def checked(self) -> dict[str, Any]:
        """The cleaned values; raises Invalid with the first thing that is wrong."""
        if not self.is_valid():
            field, errors = next(iter(self.errors.items()))
            raise Invalid(f"{field}: {errors[0]}", field=field)
        return self.cleaned_data
