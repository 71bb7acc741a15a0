from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "controlplane.console"
    label = "console"

    def ready(self) -> None:
        from controlplane.console import words

        words.register()
