# Everything is in lab.py; make only calls it.
PYTHON ?= $(shell command -v python3 || command -v python)

.PHONY: lab test quick soak real bench notebooks ledger bundle lesson kafka kafka-stop
lab:
	$(PYTHON) lab.py
test quick soak real bench notebooks ledger kafka kafka-stop:
	$(PYTHON) lab.py $@
bundle:
	$(PYTHON) lab.py bundle $(or $(DIR),bundle)
lesson:
	$(PYTHON) lab.py lesson $(or $(N),00)
