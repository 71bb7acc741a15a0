"""The form of a rule by which the kill switch engages itself."""

from typing import Any

from django import forms

from controlplane.lib.errors import Invalid
from tenants.models import Halt, HaltTrigger


class TriggerForm(forms.Form):
    name = forms.SlugField(label="Name", max_length=48)
    kind = forms.ChoiceField(label="When", choices=HaltTrigger.Kind.choices)
    watch_kind = forms.ChoiceField(
        label="Of which",
        required=False,
        choices=[("", "any"), *((name, name) for name in ("connector", "workflow", "environment", "model", "tenant"))],
        help_text="Failing calls are counted by connector or by workflow",
    )
    watch_value = forms.CharField(label="Named", required=False, max_length=160, help_text="Empty: each one")
    threshold = forms.IntegerField(label="From", min_value=1, initial=100, help_text="Percent; 1 for a canary")
    window_s = forms.IntegerField(label="Within seconds", min_value=10, max_value=86_400, initial=300)
    minimum = forms.IntegerField(label="Of so many calls at least", min_value=1, initial=10)
    reach = forms.ChoiceField(label="Stops", choices=HaltTrigger.Reach.choices)
    mode = forms.ChoiceField(label="How", choices=Halt.Mode.choices)

    def checked(self) -> dict[str, Any]:
        """The cleaned values; raises Invalid with the first thing that is wrong."""
        if not self.is_valid():
            field, errors = next(iter(self.errors.items()))
            raise Invalid(f"{field}: {errors[0]}", field=field)
        return dict(self.cleaned_data)
